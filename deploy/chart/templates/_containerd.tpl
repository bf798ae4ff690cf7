{{/* The path of containerd's socket on the nodes. */}}
{{- define "pulltrace.socket" -}}
{{- if .Values.containerd.address -}}
{{- .Values.containerd.address -}}
{{- else -}}
{{- $presets := dict
  "default" "/run/containerd/containerd.sock"
  "k3s" "/run/k3s/containerd/containerd.sock"
  "microk8s" "/var/snap/microk8s/common/run/containerd.sock"
  "k0s" "/run/k0s/containerd.sock"
  "bottlerocket" "/run/containerd/containerd.sock" -}}
{{- get $presets .Values.containerd.preset -}}
{{- end -}}
{{- end -}}
