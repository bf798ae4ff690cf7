package deploy_test

import (
	"strings"
	"testing"

	"github.com/pulltrace/pulltrace/test/deploy"
)

// What one reads after an installation follows from the values.
func TestNotes(t *testing.T) {
	const (
		nothing = "NOTHING IS EXPORTED YET"
		exports = "It exports to "
		scrape  = "Metrics wait for a scrape"
		alone   = "It does not ask Kubernetes"
	)
	for _, test := range []struct {
		set  []string
		want []string
		not  []string
	}{
		{
			nil,
			[]string{nothing, "rollout status daemonset/pulltrace", "/run/containerd/containerd.sock"},
			[]string{exports, scrape, alone},
		},
		{
			[]string{"otlp.endpoint=http://otel:4317", "containerd.preset=k3s"},
			[]string{exports + "http://otel:4317", "/run/k3s/containerd/containerd.sock"},
			[]string{nothing, scrape, alone},
		},
		{
			[]string{"extraEnv[0].name=OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "extraEnv[0].value=http://tempo:4317"},
			[]string{exports + "what OTEL_EXPORTER_OTLP_TRACES_ENDPOINT says"},
			[]string{nothing},
		},
		{
			[]string{"exporters.metrics=prometheus", "exporters.traces=none", "kubernetes.enabled=false"},
			[]string{scrape, alone},
			[]string{nothing, exports},
		},
		{
			[]string{"exporters.metrics=prometheus", "exporters.traces=none", "podMonitor.enabled=true"},
			nil,
			[]string{nothing, exports, scrape},
		},
	} {
		notes, err := deploy.Notes(t.Context(), arguments(test.set)...)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range test.want {
			if !strings.Contains(notes, w) {
				t.Errorf("%v: the notes lack %q:\n%s", test.set, w, notes)
			}
		}
		for _, n := range test.not {
			if strings.Contains(notes, n) {
				t.Errorf("%v: the notes have %q:\n%s", test.set, n, notes)
			}
		}
	}
}
