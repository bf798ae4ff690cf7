package deploy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/pulltrace/pulltrace/test/deploy"
)

func TestChartLints(t *testing.T) {
	if out, err := deploy.Lint(t.Context()); err != nil {
		t.Errorf("%s\n%v", out, err)
	}
}

// What a pod of Pulltrace may do is the least that opens the socket.
func TestPodHasNoPrivilege(t *testing.T) {
	m := render(t)
	pod, c := m.pod(), m.container(t)
	if pod.HostNetwork || pod.HostPID || pod.HostIPC {
		t.Error("the pod is in a namespace of the host")
	}
	off, on := false, true
	wantContainer := &corev1.SecurityContext{
		Privileged:               &off,
		AllowPrivilegeEscalation: &off,
		ReadOnlyRootFilesystem:   &on,
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
	if diff := cmp.Diff(wantContainer, c.SecurityContext); diff != "" {
		t.Errorf("security context of the container (-want +got):\n%s", diff)
	}
	var rootID int64
	wantPod := &corev1.PodSecurityContext{
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		RunAsUser:      &rootID,
		RunAsGroup:     &rootID,
	}
	if diff := cmp.Diff(wantPod, pod.SecurityContext); diff != "" {
		t.Errorf("security context of the pod (-want +got):\n%s", diff)
	}
	if *pod.TerminationGracePeriodSeconds <= 10 {
		t.Errorf("killed after %d s, while the last export takes up to 10 s", *pod.TerminationGracePeriodSeconds)
	}
}

func TestPodRunsOnEveryNode(t *testing.T) {
	pod := render(t).pod()
	if diff := cmp.Diff([]corev1.Toleration{{Operator: corev1.TolerationOpExists}}, pod.Tolerations); diff != "" {
		t.Errorf("tolerations (-want +got):\n%s", diff)
	}
	if pod.PriorityClassName != "system-node-critical" {
		t.Errorf("priority class %q", pod.PriorityClassName)
	}
}

// With a group that may open the socket nothing of the pod is root.
func TestSocketGroup(t *testing.T) {
	s := render(t, "containerd.socketGroup=990").pod().SecurityContext
	if s.RunAsNonRoot == nil || !*s.RunAsNonRoot || *s.RunAsUser == 0 || *s.RunAsGroup == 0 {
		t.Errorf("runs as root: %+v", s)
	}
	if diff := cmp.Diff([]int64{990}, s.SupplementalGroups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}

// The role is these two verbs on pods and nothing else, and it is the account's.
func TestRole(t *testing.T) {
	m := render(t)
	want := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list", "watch"}}}
	if diff := cmp.Diff(want, m.role.Rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if m.binding.RoleRef.Kind != "ClusterRole" || m.binding.RoleRef.Name != m.role.Name {
		t.Errorf("bound is %+v", m.binding.RoleRef)
	}
	subject := []rbacv1.Subject{{Kind: "ServiceAccount", Name: m.account.Name, Namespace: deploy.Namespace}}
	if diff := cmp.Diff(subject, m.binding.Subjects); diff != "" {
		t.Errorf("subjects (-want +got):\n%s", diff)
	}
	if m.pod().ServiceAccountName != m.account.Name || !*m.pod().AutomountServiceAccountToken {
		t.Error("the pod has not the account's token")
	}
	if *m.account.AutomountServiceAccountToken {
		t.Error("the account gives its token to any pod")
	}
}

// Without Kubernetes there is nothing to steal.
func TestWithoutKubernetes(t *testing.T) {
	m := render(t, "kubernetes.enabled=false")
	if m.role != nil || m.binding != nil {
		t.Error("there is a role")
	}
	if *m.pod().AutomountServiceAccountToken {
		t.Error("there is a token in the pod")
	}
	if got := m.value(t, "PULLTRACE_KUBERNETES"); got != "off" {
		t.Errorf("PULLTRACE_KUBERNETES is %q", got)
	}
}

func TestSocketOfEachPreset(t *testing.T) {
	for set, socket := range map[string]string{
		"containerd.preset=default":             "/run/containerd/containerd.sock",
		"containerd.preset=bottlerocket":        "/run/containerd/containerd.sock",
		"containerd.preset=k3s":                 "/run/k3s/containerd/containerd.sock",
		"containerd.preset=microk8s":            "/var/snap/microk8s/common/run/containerd.sock",
		"containerd.preset=k0s":                 "/run/k0s/containerd.sock",
		"containerd.address=/run/own/c.sock":    "/run/own/c.sock",
		"containerd.address=/var/run/x/y/z.soc": "/var/run/x/y/z.soc",
	} {
		m := render(t, set)
		if got := m.value(t, "PULLTRACE_CONTAINERD_ADDRESS"); got != socket {
			t.Errorf("%s: socket %s, want %s", set, got, socket)
		}
		// A new containerd makes a new socket, which a mount of the file would never show.
		dir := socket[:strings.LastIndex(socket, "/")]
		directory := corev1.HostPathDirectory
		volumes := []corev1.Volume{{
			Name:         "containerd",
			VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: dir, Type: &directory}},
		}}
		mounts := []corev1.VolumeMount{{Name: "containerd", MountPath: dir, ReadOnly: true}}
		if diff := cmp.Diff(volumes, m.pod().Volumes) + cmp.Diff(mounts, m.container(t).VolumeMounts); diff != "" {
			t.Errorf("%s: volumes and mounts (-want +got):\n%s", set, diff)
		}
	}
}

func TestProbes(t *testing.T) {
	m := render(t)
	c := m.container(t)
	for probe, path := range map[*corev1.Probe]string{c.LivenessProbe: "/livez", c.ReadinessProbe: "/readyz"} {
		if probe.HTTPGet.Path != path || probe.HTTPGet.Port.StrVal != "health" {
			t.Errorf("probe %+v, want %s at the health port", probe.HTTPGet, path)
		}
	}
	want := []corev1.ContainerPort{{Name: "health", ContainerPort: 13133}}
	if diff := cmp.Diff(want, c.Ports); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
	if got := m.value(t, "PULLTRACE_HEALTH_ADDRESS"); got != ":13133" {
		t.Errorf("PULLTRACE_HEALTH_ADDRESS is %q", got)
	}
}

func TestImage(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	for want, set := range map[string][]string{
		"ghcr.io/pulltrace/pulltrace:0.1.0": nil,
		"r:5000/p:v1":                       {"image.repository=r:5000/p", "image.tag=v1"},
		"r/p:0.1.0@" + digest:               {"image.repository=r/p", "image.digest=" + digest},
	} {
		if got := render(t, set...).container(t).Image; got != want {
			t.Errorf("%v: image %s, want %s", set, got, want)
		}
	}
}

func TestSELinuxOptions(t *testing.T) {
	got := render(t, "seLinuxOptions.type=spc_t").container(t).SecurityContext.SELinuxOptions
	if diff := cmp.Diff(&corev1.SELinuxOptions{Type: "spc_t"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is for Kubernetes to understand arrives there as it was given.
func TestPassedThrough(t *testing.T) {
	m := render(t, "podLabels.team=a", "podAnnotations.b=c", "imagePullSecrets[0].name=registry", "nodeSelector.pool=gpu",
		"affinity=null", "tolerations=null", "priorityClassName=", "updateStrategy.rollingUpdate.maxUnavailable=1")
	pod, meta := m.pod(), m.daemonSet.Spec.Template.ObjectMeta
	if meta.Labels["team"] != "a" || meta.Annotations["b"] != "c" {
		t.Errorf("labels %v, annotations %v", meta.Labels, meta.Annotations)
	}
	for name, value := range m.daemonSet.Spec.Selector.MatchLabels {
		if meta.Labels[name] != value {
			t.Errorf("the pods lack the label %s=%s, by which they are found", name, value)
		}
	}
	if diff := cmp.Diff([]corev1.LocalObjectReference{{Name: "registry"}}, pod.ImagePullSecrets); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"kubernetes.io/os": "linux", "pool": "gpu"}, pod.NodeSelector); diff != "" {
		t.Errorf("node selector (-want +got):\n%s", diff)
	}
	if pod.Affinity != nil || pod.Tolerations != nil || pod.PriorityClassName != "" {
		t.Errorf("what was taken away is there: %+v %+v %q", pod.Affinity, pod.Tolerations, pod.PriorityClassName)
	}
	if got := m.daemonSet.Spec.UpdateStrategy.RollingUpdate.MaxUnavailable.IntValue(); got != 1 {
		t.Errorf("max unavailable is %d", got)
	}
}
