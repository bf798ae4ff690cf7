package telemetry

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	standard "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/pulltrace/pulltrace/collector/pull"
	"github.com/pulltrace/pulltrace/semconv"
)

// A pull that nobody drives any more has a trace and the bytes that it fetched, and counts
// in nothing else: nobody can tell how long it took, what it found and what of it is lost.
// Its live series end, as those of any.
func TestAbandonedPull(t *testing.T) {
	r := newRecorded(t)
	p := running("a", 250)
	r.Report(pull.Update{Time: at(3), SourceUp: true, Active: []pull.Pull{p}})
	dead := ended("a", pull.Unknown, 400)
	dead.Err, dead.Cached, dead.Waited, dead.Queued = pull.ErrAbandoned, 100, time.Second, time.Second
	dead.Layers[0].State, dead.Layers[0].Download.End, dead.Layers[0].Unpack = pull.LayerDownloading, at(10), pull.Span{}
	r.Report(pull.Update{Time: at(400), SourceUp: true, Ended: []pull.Pull{dead}})

	for _, m := range []semconv.Metric{
		semconv.PullDuration, semconv.PullQueueDuration, semconv.PullSlotWaitDuration, semconv.PullResolveDuration,
		semconv.PullDownloadDuration, semconv.PullUnpackDuration, semconv.PullDownloaded, semconv.PullRate,
	} {
		if got := r.points(t, m); len(got) > 0 {
			t.Errorf("%s is told as %v, want nothing", m.Name, got)
		}
	}
	for _, m := range []semconv.Metric{semconv.DownloadWasted, semconv.CacheHit} {
		if got := r.only(t, m); got != 0 {
			t.Errorf("%s is %g, want 0", m.Name, got)
		}
	}
	if got := r.only(t, semconv.DownloadIO); got != 400 {
		t.Errorf("download.io %g, want 400", got)
	}
	for _, s := range r.spans.GetSpans() {
		if s.Status.Code != codes.Unset {
			t.Errorf("%s has status %s, want none", s.Name, s.Status.Code)
		}
	}
	root := attribute.NewSet(r.spans.GetSpans()[0].Attributes...)
	if why, _ := root.Value(standard.ErrorTypeKey); why.AsString() != "abandoned" {
		t.Errorf("error.type is %q, want abandoned", why.AsString())
	}
	if outcome, _ := root.Value(semconv.OutcomeKey); outcome.AsString() != "unknown" {
		t.Errorf("outcome is %q, want unknown", outcome.AsString())
	}
	if wasted, told := root.Value(semconv.PullWastedKey); told {
		t.Errorf("%d bytes wasted, want none told", wasted.AsInt64())
	}
	deadline := time.Now().Add(10 * time.Second)
	for len(r.points(t, semconv.ImageProgress)) > 0 { // the flusher delivers
		if time.Now().After(deadline) {
			t.Fatal("the series did not end")
		}
		time.Sleep(10 * time.Millisecond)
	}
}
