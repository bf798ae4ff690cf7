package telemetry

import (
	"testing"

	"github.com/pulltrace/pulltrace/collector/pull"
	"github.com/pulltrace/pulltrace/semconv"
)

// A pull that stalled while its registry was not known leaves a zero behind: a
// series that only went away would leave its last value to the backend.
func TestStalledBeforeItHadAName(t *testing.T) {
	r := newRecorded(t)
	p := running("a", 0)
	named := p.Image
	p.Image, p.Stalled = pull.Image{Root: named.Root}, true
	r.Report(pull.Update{Active: []pull.Pull{p}})
	if got := r.only(t, semconv.PullStalled); got != 1 {
		t.Fatalf("%g pulls are stalled, want 1", got)
	}
	p.Image, p.Stalled = named, false
	r.Report(pull.Update{Active: []pull.Pull{p}})
	points := r.points(t, semconv.PullStalled)
	if len(points) != 2 || points[0].value != 0 || points[1].value != 0 {
		t.Errorf("stalled pulls are %v, want 0 for the registry and 0 for the unknown one", points)
	}
}
