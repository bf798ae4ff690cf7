{{/* The container's variables, those of the chart before those of extraEnv. */}}
{{- define "pulltrace.env" -}}
{{- $v := .Values -}}
{{- $env := list
  (dict "name" "K8S_NODE_NAME" "valueFrom" (dict "fieldRef" (dict "fieldPath" "spec.nodeName")))
  (dict "name" "HOST_IP" "valueFrom" (dict "fieldRef" (dict "fieldPath" "status.hostIP")))
  (dict "name" "PULLTRACE_CONTAINERD_ADDRESS" "value" (include "pulltrace.socket" .))
  (dict "name" "PULLTRACE_KUBERNETES" "value" (ternary "on" "off" $v.kubernetes.enabled))
  (dict "name" "PULLTRACE_HEALTH_ADDRESS" "value" ":13133")
  (dict "name" "OTEL_METRICS_EXPORTER" "value" $v.exporters.metrics)
  (dict "name" "OTEL_TRACES_EXPORTER" "value" $v.exporters.traces)
  (dict "name" "OTEL_LOGS_EXPORTER" "value" $v.exporters.logs)
  (dict "name" "OTEL_EXPORTER_OTLP_PROTOCOL" "value" $v.otlp.protocol) -}}
{{- with $v.resources.limits -}}
{{- with .memory -}}
{{- $env = append $env (dict "name" "GOMEMLIMIT" "value" (include "pulltrace.gomemlimit" .)) -}}
{{- end -}}
{{- end -}}
{{- with $v.clusterName -}}
{{- $env = append $env (dict "name" "OTEL_RESOURCE_ATTRIBUTES" "value" (printf "k8s.cluster.name=%s" .)) -}}
{{- end -}}
{{- with $v.otlp.endpoint -}}
{{- $env = append $env (dict "name" "OTEL_EXPORTER_OTLP_ENDPOINT" "value" .) -}}
{{- end -}}
{{- with $v.otlp.headers.secret -}}
{{- $ref := dict "name" . "key" $v.otlp.headers.key -}}
{{- $env = append $env (dict "name" "OTEL_EXPORTER_OTLP_HEADERS" "valueFrom" (dict "secretKeyRef" $ref)) -}}
{{- end -}}
{{- if and $v.otlp.ca.configMap $v.otlp.ca.secret -}}
{{- fail "otlp.ca: either configMap or secret, not both" -}}
{{- end -}}
{{- if or $v.otlp.ca.configMap $v.otlp.ca.secret -}}
{{- $env = append $env (dict "name" "OTEL_EXPORTER_OTLP_CERTIFICATE" "value" (printf "/etc/pulltrace/ca/%s" $v.otlp.ca.key)) -}}
{{- end -}}
{{- if $v.otlp.clientSecret -}}
{{- $env = append $env (dict "name" "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE" "value" "/etc/pulltrace/client/tls.crt") -}}
{{- $env = append $env (dict "name" "OTEL_EXPORTER_OTLP_CLIENT_KEY" "value" "/etc/pulltrace/client/tls.key") -}}
{{- end -}}
{{- if contains "prometheus" $v.exporters.metrics -}}
{{- $env = append $env (dict "name" "POD_IP" "valueFrom" (dict "fieldRef" (dict "fieldPath" "status.podIP"))) -}}
{{- $env = append $env (dict "name" "OTEL_EXPORTER_PROMETHEUS_HOST" "value" "$(POD_IP)") -}}
{{- end -}}
{{- $set := dict -}}
{{- range $env }}{{ $_ := set $set .name true }}{{ end -}}
{{- range $v.extraEnv -}}
{{- if hasKey $set .name -}}
{{- fail (printf "extraEnv: %s is given twice, or set by another value of this chart" .name) -}}
{{- end -}}
{{- $_ := set $set .name true -}}
{{- end -}}
{{- toYaml (concat $env $v.extraEnv) -}}
{{- end -}}
