package deploy_test

import (
	"strings"
	"testing"

	"github.com/pulltrace/pulltrace/test/deploy"
)

// A value that is misspelt or wrong is an error that names it, and not a setting
// that silently does nothing.
func TestWrongValuesAreRefused(t *testing.T) {
	for set, want := range map[string][]string{
		"containerd.presett=k3s":                {"presett", "containerd"},
		"otlp.url=http://a":                     {"url", "otlp"},
		"endpoint=http://a":                     {"endpoint"},
		"containerd.preset=k4s":                 {"containerd/preset", "microk8s"},
		"containerd.address=run/c.sock":         {"containerd/address"},
		"containerd.address=/c.sock":            {"containerd/address"},
		"containerd.socketGroup=0":              {"containerd/socketGroup"},
		"kubernetes.enabled=maybe":              {"kubernetes/enabled", "boolean"},
		"clusterName=a b":                       {"clusterName"},
		"otlp.endpoint=otel-collector:4317":     {"otlp/endpoint", "https?://"},
		"otlp.protocol=http":                    {"otlp/protocol", "http/protobuf"},
		"exporters.traces=prometheus":           {"exporters/traces"},
		"podMonitor.interval=30s":               {"podMonitor/interval"},
		"resources.limits.memory=1.5Gi":         {"resources/limits/memory"},
		"image.digest=sha256:12":                {"image/digest"},
		"podMonitor.enabled=true":               {"podMonitor.enabled", "exporters.metrics"},
		"extraEnv[0].name=PULLTRACE_KUBERNETES": {"extraEnv", "PULLTRACE_KUBERNETES"},
		"extraEnv[0].Name=OTEL_TRACES_SAMPLER":  {"extraEnv", "Name"},
		"otlp.ca.configMap=a,otlp.ca.secret=b":  {"otlp.ca", "configMap", "secret"},
		"seLinuxOptions.typ=spc_t":              {"seLinuxOptions", "typ"},
	} {
		_, err := deploy.Template(t.Context(), "--set="+set)
		if err == nil {
			t.Errorf("--set %s is taken", set)
			continue
		}
		for _, word := range want {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("--set %s: the error lacks %q:\n%v", set, word, err)
			}
		}
	}
}

// As a part of another chart Pulltrace gets values that are global.
func TestGlobalValuesAreTaken(t *testing.T) {
	if _, err := deploy.Template(t.Context(), "--set=global.imageRegistry=r"); err != nil {
		t.Error(err)
	}
}
