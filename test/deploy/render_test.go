package deploy_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	syaml "sigs.k8s.io/yaml"

	"github.com/pulltrace/pulltrace/test/deploy"
)

// manifests are what the chart gives, read strictly: a field that Kubernetes does
// not have fails the test.
type manifests struct {
	daemonSet   appsv1.DaemonSet
	account     corev1.ServiceAccount
	role        *rbacv1.ClusterRole
	binding     *rbacv1.ClusterRoleBinding
	podMonitors []map[string]any
	rules       map[string]any
	dashboards  *corev1.ConfigMap
}

// render renders the chart with values that are given as to --set.
func render(t *testing.T, set ...string) manifests {
	t.Helper()
	out, err := deploy.Template(t.Context(), arguments(set)...)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, out)
}

func arguments(set []string) []string {
	var args []string
	for _, s := range set {
		args = append(args, "--set="+s)
	}
	return args
}

func read(t *testing.T, text []byte) manifests {
	t.Helper()
	var m manifests
	for _, doc := range documents(t, text) {
		var head struct {
			Kind string `json:"kind"`
		}
		strictly := func(into any) {
			t.Helper()
			if err := syaml.UnmarshalStrict(doc, into); err != nil {
				t.Fatalf("%v in\n%s", err, doc)
			}
		}
		if err := syaml.Unmarshal(doc, &head); err != nil {
			t.Fatal(err)
		}
		switch head.Kind {
		case "DaemonSet":
			strictly(&m.daemonSet)
		case "ServiceAccount":
			strictly(&m.account)
		case "ClusterRole":
			strictly(&m.role)
		case "ClusterRoleBinding":
			strictly(&m.binding)
		case "PodMonitor": // no types of the Prometheus Operator's here
			var monitor map[string]any
			strictly(&monitor)
			m.podMonitors = append(m.podMonitors, monitor)
		case "PrometheusRule":
			strictly(&m.rules)
		case "ConfigMap":
			strictly(&m.dashboards)
		default:
			t.Fatalf("the chart has a %q", head.Kind)
		}
	}
	return m
}

// documents splits a file of manifests.
func documents(t *testing.T, text []byte) [][]byte {
	t.Helper()
	var docs [][]byte
	for r := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(text))); ; {
		doc := make([]byte, len(text))
		n, err := r.Read(doc)
		if errors.Is(err, io.EOF) {
			return docs
		}
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, doc[:n])
	}
}

func (m manifests) pod() corev1.PodSpec { return m.daemonSet.Spec.Template.Spec }

func (m manifests) container(t *testing.T) corev1.Container {
	t.Helper()
	if n := len(m.pod().Containers); n != 1 {
		t.Fatalf("%d containers", n)
	}
	return m.pod().Containers[0]
}

// env returns a variable of the container, and whether it is there.
func (m manifests) env(t *testing.T, name string) (corev1.EnvVar, bool) {
	t.Helper()
	env := m.container(t).Env
	i := slices.IndexFunc(env, func(e corev1.EnvVar) bool { return e.Name == name })
	if i < 0 {
		return corev1.EnvVar{}, false
	}
	return env[i], true
}

// value returns the value of a variable, "" without it.
func (m manifests) value(t *testing.T, name string) string {
	t.Helper()
	e, _ := m.env(t, name)
	return e.Value
}
