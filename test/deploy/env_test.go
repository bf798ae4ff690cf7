package deploy_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	syaml "sigs.k8s.io/yaml"
)

// Go's limit is below the kernel's, for each way to write it.
func TestGoMemoryLimit(t *testing.T) {
	for _, limit := range []string{"128Mi", "1Gi", "200M", "131072Ki", "90000000"} {
		m := render(t, "resources.limits.memory="+limit)
		quantity := resource.MustParse(limit)
		want := strconv.FormatInt(quantity.Value()*9/10, 10)
		if got := m.value(t, "GOMEMLIMIT"); got != want {
			t.Errorf("limit %s: GOMEMLIMIT is %s, want %s", limit, got, want)
		}
	}
	if e, ok := render(t, "resources.limits=null").env(t, "GOMEMLIMIT"); ok {
		t.Errorf("without a limit there is %+v", e)
	}
}

// Who the pod is comes from the API, before the variables that refer to it.
func TestDownwardAPI(t *testing.T) {
	m := render(t, "exporters.metrics=prometheus", "otlp.endpoint=http://$(HOST_IP):4317")
	for name, path := range map[string]string{"K8S_NODE_NAME": "spec.nodeName", "HOST_IP": "status.hostIP", "POD_IP": "status.podIP"} {
		e, _ := m.env(t, name)
		if e.ValueFrom == nil || e.ValueFrom.FieldRef == nil || e.ValueFrom.FieldRef.FieldPath != path {
			t.Errorf("%s is %+v, want %s", name, e, path)
		}
	}
	index := func(name string) int {
		return slices.IndexFunc(m.container(t).Env, func(e corev1.EnvVar) bool { return e.Name == name })
	}
	if m.value(t, "OTEL_EXPORTER_OTLP_ENDPOINT") != "http://$(HOST_IP):4317" || index("HOST_IP") > index("OTEL_EXPORTER_OTLP_ENDPOINT") {
		t.Error("the endpoint does not refer to a variable before it")
	}
	if m.value(t, "OTEL_EXPORTER_PROMETHEUS_HOST") != "$(POD_IP)" || index("POD_IP") > index("OTEL_EXPORTER_PROMETHEUS_HOST") {
		t.Error("the scrape's host does not refer to a variable before it")
	}
}

func TestExport(t *testing.T) {
	m := render(t, "clusterName=prod", "otlp.protocol=http/protobuf", "exporters.logs=otlp",
		"otlp.endpoint=https://otel:4318", "otlp.headers.secret=token", "otlp.ca.configMap=authority", "otlp.clientSecret=own")
	for name, want := range map[string]string{
		"OTEL_RESOURCE_ATTRIBUTES":              "k8s.cluster.name=prod",
		"OTEL_EXPORTER_OTLP_PROTOCOL":           "http/protobuf",
		"OTEL_EXPORTER_OTLP_ENDPOINT":           "https://otel:4318",
		"OTEL_EXPORTER_OTLP_CERTIFICATE":        "/etc/pulltrace/ca/ca.crt",
		"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/etc/pulltrace/client/tls.crt",
		"OTEL_EXPORTER_OTLP_CLIENT_KEY":         "/etc/pulltrace/client/tls.key",
		"OTEL_METRICS_EXPORTER":                 "otlp",
		"OTEL_TRACES_EXPORTER":                  "otlp",
		"OTEL_LOGS_EXPORTER":                    "otlp",
	} {
		if got := m.value(t, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	headers, _ := m.env(t, "OTEL_EXPORTER_OTLP_HEADERS")
	if ref := headers.ValueFrom.SecretKeyRef; ref.Name != "token" || ref.Key != "headers" {
		t.Errorf("headers are of %+v", ref)
	}
	volumes := m.pod().Volumes
	if len(volumes) != 3 || volumes[1].ConfigMap.Name != "authority" || volumes[2].Secret.SecretName != "own" {
		t.Errorf("volumes %+v", volumes)
	}
	mounts := m.container(t).VolumeMounts
	if len(mounts) != 3 || mounts[1].MountPath != "/etc/pulltrace/ca" || mounts[2].MountPath != "/etc/pulltrace/client" {
		t.Errorf("mounts %+v", mounts)
	}
}

func TestCAOfASecret(t *testing.T) {
	volumes := render(t, "otlp.ca.secret=authority").pod().Volumes
	if len(volumes) != 2 || volumes[1].Secret.SecretName != "authority" {
		t.Errorf("volumes %+v", volumes)
	}
}

// What was not asked for is left to Pulltrace's own defaults.
func TestNothingIsSetUnasked(t *testing.T) {
	var got []string
	for _, e := range render(t).container(t).Env {
		got = append(got, e.Name)
	}
	want := []string{
		"K8S_NODE_NAME", "HOST_IP", "PULLTRACE_CONTAINERD_ADDRESS", "PULLTRACE_KUBERNETES", "PULLTRACE_HEALTH_ADDRESS",
		"OTEL_METRICS_EXPORTER", "OTEL_TRACES_EXPORTER", "OTEL_LOGS_EXPORTER", "OTEL_EXPORTER_OTLP_PROTOCOL", "GOMEMLIMIT",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}

func TestExtraEnv(t *testing.T) {
	m := render(t, "extraEnv[0].name=PULLTRACE_STALL_THRESHOLD", "extraEnv[0].value=30s",
		"extraEnv[1].name=TOKEN", "extraEnv[1].valueFrom.secretKeyRef.name=s", "extraEnv[1].valueFrom.secretKeyRef.key=k")
	if got := m.value(t, "PULLTRACE_STALL_THRESHOLD"); got != "30s" {
		t.Errorf("PULLTRACE_STALL_THRESHOLD is %q", got)
	}
	if e, _ := m.env(t, "TOKEN"); e.ValueFrom == nil || e.ValueFrom.SecretKeyRef.Name != "s" {
		t.Errorf("TOKEN is %+v", e)
	}
}

func TestPodMonitor(t *testing.T) {
	m := render(t, "exporters.metrics=prometheus", "podMonitor.enabled=true", "podMonitor.labels.release=stack")
	if n := len(m.podMonitors); n != 1 {
		t.Fatalf("%d PodMonitors", n)
	}
	spec := m.podMonitors[0]["spec"].(map[string]any)
	selector := spec["selector"].(map[string]any)["matchLabels"].(map[string]any)
	for name, value := range selector {
		if m.daemonSet.Spec.Template.Labels[name] != value {
			t.Errorf("it selects %s=%s, which the pods have not", name, value)
		}
	}
	endpoint := spec["podMetricsEndpoints"].([]any)[0].(map[string]any)
	i := slices.IndexFunc(m.container(t).Ports, func(p corev1.ContainerPort) bool { return p.Name == endpoint["port"] })
	if i < 0 || m.container(t).Ports[i].ContainerPort != 9464 {
		t.Errorf("port %v is none of %+v", endpoint["port"], m.container(t).Ports)
	}
	labels := m.podMonitors[0]["metadata"].(map[string]any)["labels"].(map[string]any)
	if labels["release"] != "stack" {
		t.Errorf("labels %v", labels)
	}
}

// The PrometheusRule has the rules and alerts as they stand, templates and all.
func TestPrometheusRule(t *testing.T) {
	m := render(t, "prometheusRule.enabled=true", "prometheusRule.labels.release=stack")
	text, err := os.ReadFile(filepath.Join("..", "..", "dashboards", "pulltrace.rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	if err := syaml.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(m.rules["spec"], any(want)) {
		t.Errorf("the rules are %v, want those of the file", m.rules["spec"])
	}
	if labels := m.rules["metadata"].(map[string]any)["labels"].(map[string]any); labels["release"] != "stack" {
		t.Errorf("labels %v", labels)
	}
	if without := render(t); without.rules != nil {
		t.Error("there are rules that nobody asked for")
	}
}

// The ConfigMap has the dashboards as they stand, for the sidecar to find.
func TestDashboards(t *testing.T) {
	m := render(t, "dashboards.enabled=true", "dashboards.annotations.grafana_folder=Pulltrace")
	paths, err := filepath.Glob(filepath.Join("..", "..", "dashboards", "*.json"))
	if err != nil || len(paths) != 3 || len(m.dashboards.Data) != len(paths) {
		t.Fatalf("%d of the dashboards %v, %v", len(m.dashboards.Data), paths, err)
	}
	for _, path := range paths {
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if m.dashboards.Data[filepath.Base(path)] != string(want) {
			t.Errorf("%s is not that of the file", filepath.Base(path))
		}
	}
	if m.dashboards.Labels["grafana_dashboard"] != "1" || m.dashboards.Annotations["grafana_folder"] != "Pulltrace" {
		t.Errorf("labels %v, annotations %v", m.dashboards.Labels, m.dashboards.Annotations)
	}
	if without := render(t); without.dashboards != nil {
		t.Error("there are dashboards that nobody asked for")
	}
}
