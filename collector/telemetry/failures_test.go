package telemetry

import (
	"testing"

	"github.com/pulltrace/pulltrace/semconv"
)

// Failed exports are told by signal, and so is that there were none.
func TestFailedExportsAreTold(t *testing.T) {
	r := newRecorded(t)
	r.sdk.Failures.Metrics.Add(3)
	r.sdk.Failures.Logs.Add(1)
	want := map[string]float64{"metrics": 3, "traces": 0, "logs": 1}
	points := r.points(t, semconv.ExportErrors)
	if len(points) != len(want) {
		t.Fatalf("%d series, want one of each signal", len(points))
	}
	for _, p := range points {
		signal, _ := p.attrs.Value(semconv.ExportSignalKey)
		if node, _ := p.attrs.Value("k8s.node.name"); p.value != want[signal.AsString()] || node.AsString() != "n1" {
			t.Errorf("%s: %g on %s, want %g", signal.AsString(), p.value, node.AsString(), want[signal.AsString()])
		}
	}
}
