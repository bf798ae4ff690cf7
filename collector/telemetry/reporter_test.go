package telemetry

import (
	"slices"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	standard "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/pulltrace/pulltrace/collector/pull"
	"github.com/pulltrace/pulltrace/semconv"
)

func TestLiveSeries(t *testing.T) {
	r := newRecorded(t)
	p := running("a", 250)
	r.Report(pull.Update{Time: at(3), SourceUp: true, Started: []pull.Pull{p}, Active: []pull.Pull{p}})
	for m, want := range map[*semconv.Metric]float64{
		&semconv.ImageDownloaded: 250, &semconv.ImageSize: 1000, &semconv.ImageCached: 0, &semconv.ImageProgress: 0.25,
		&semconv.LayerDownloaded: 250, &semconv.LayerExpected: 1000, &semconv.DownloadIO: 250, &semconv.SourceUp: 1,
	} {
		if got := r.only(t, *m); got != want {
			t.Errorf("%s = %g, want %g", m.Name, got, want)
		}
	}
	if got := r.points(t, semconv.ImageRemaining); len(got) != 0 {
		t.Errorf("%d points of the remaining time, which is not known", len(got))
	}
	attrs := r.points(t, semconv.ImageProgress)[0].attrs
	for _, want := range []attribute.KeyValue{
		standard.K8SNodeName("n1"), standard.ContainerImageName("docker.io/library/nginx"), semconv.RegistryKey.String("docker.io"),
		semconv.NamespaceKey.String("k8s.io"), standard.OCIManifestDigest(digest.FromString("nginx").String()),
	} {
		if got, _ := attrs.Value(want.Key); got != want.Value {
			t.Errorf("%s = %q, want %q", want.Key, got.AsString(), want.Value.AsString())
		}
	}
}

func TestUnknownSizeIsAbsent(t *testing.T) {
	r := newRecorded(t)
	p := running("a", 0)
	p.TotalKnown, p.Size, p.Layers = false, 0, nil
	r.Report(pull.Update{Time: at(1), SourceUp: true, Active: []pull.Pull{p}})
	for _, m := range []semconv.Metric{semconv.ImageSize, semconv.ImageProgress, semconv.ImageCached} {
		if got := r.points(t, m); len(got) != 0 {
			t.Errorf("%s has %d points, want none", m.Name, len(got))
		}
	}
}

// Two callers that pull one image share its series, and no byte counts twice.
func TestTwoPullsOfOneImage(t *testing.T) {
	r := newRecorded(t)
	a, b := running("a", 400), running("b", 0)
	b.Cached = 300 // what a has completed
	r.Report(pull.Update{Time: at(3), SourceUp: true, Active: []pull.Pull{a, b}})
	if got := r.only(t, semconv.ImageProgress); got != 0.4 {
		t.Errorf("progress %g, want 0.4", got)
	}
	if got := r.only(t, semconv.DownloadIO); got != 400 {
		t.Errorf("download.io %g, want 400", got)
	}
}

// The last sample of an image stays until it is delivered, and then goes.
func TestLastSample(t *testing.T) {
	r := newRecorded(t)
	p := running("a", 250)
	r.Report(pull.Update{Time: time.Now(), SourceUp: true, Active: []pull.Pull{p}})
	r.Report(pull.Update{Time: time.Now(), SourceUp: true, Ended: []pull.Pull{ended("a", pull.Success, 1000)}})
	deadline := time.Now().Add(10 * time.Second)
	for len(r.points(t, semconv.ImageProgress)) > 0 { // the flusher delivers
		if time.Now().After(deadline) {
			t.Fatal("the series did not end")
		}
		time.Sleep(10 * time.Millisecond)
	}
	sum := 0.0
	for _, p := range r.points(t, semconv.PullActive) {
		sum += p.value
	}
	if phases := len(r.points(t, semconv.PullActive)); sum != 0 || phases != len(pull.Phases) {
		t.Errorf("%g active pulls in %d phases, want explicit zeros for %d", sum, phases, len(pull.Phases))
	}
}

func TestTrace(t *testing.T) {
	r := newRecorded(t)
	p := ended("a", pull.Success, 1000)
	p.Estimated = []pull.Estimate{pull.ResolveEnd}
	r.Report(pull.Update{Time: at(11), SourceUp: true, Ended: []pull.Pull{p}})
	type span struct {
		name, parent string
		start, end   time.Time
	}
	names := map[string]string{}
	for _, s := range r.spans.GetSpans() {
		names[s.SpanContext.SpanID().String()] = s.Name
	}
	var got []span
	for _, s := range r.spans.GetSpans() {
		if s.SpanContext.TraceID() != TraceID(p.ID) {
			t.Errorf("%s is in trace %s, want %s", s.Name, s.SpanContext.TraceID(), TraceID(p.ID))
		}
		got = append(got, span{s.Name, names[s.Parent.SpanID().String()], s.StartTime, s.EndTime})
	}
	want := []span{
		{"pull image", "", at(0), at(10)},
		{"resolve", "pull image", at(0), at(1)},
		{"layer", "pull image", at(1), at(9)},
		{"download", "layer", at(2), at(7)},
		{"unpack", "layer", at(7), at(9)},
	}
	if !slices.Equal(got, want) {
		t.Errorf("spans %v, want %v", got, want)
	}
	root := attribute.NewSet(r.spans.GetSpans()[0].Attributes...)
	if v, _ := root.Value(semconv.EstimatedKey); !slices.Equal(v.AsStringSlice(), []string{"resolve.end"}) {
		t.Errorf("estimated %v, want resolve.end", v.AsStringSlice())
	}
	if got := r.only(t, semconv.PullDuration); got != 10 {
		t.Errorf("duration %g, want 10", got)
	}
	if got := r.only(t, semconv.PullRate); got != 200 {
		t.Errorf("rate %g, want 200: 1000 bytes in the 5 s of downloading", got)
	}
}

func TestFailedPull(t *testing.T) {
	r := newRecorded(t)
	r.Report(pull.Update{Time: at(11), SourceUp: true, Ended: []pull.Pull{ended("a", pull.Failure, 500)}})
	failed := 0
	for _, s := range r.spans.GetSpans() {
		if s.Status.Code == codes.Error {
			failed++
			set := attribute.NewSet(s.Attributes...)
			if v, _ := set.Value(standard.ErrorTypeKey); v.AsString() != "_OTHER" {
				t.Errorf("%s has error.type %q, want _OTHER", s.Name, v.AsString())
			}
		}
	}
	if failed != 2 {
		t.Errorf("%d spans with an error, want 2: the pull and its unfinished layer", failed)
	}
	attrs := r.points(t, semconv.PullDuration)[0].attrs
	if v, _ := attrs.Value(semconv.OutcomeKey); v.AsString() != "failure" {
		t.Errorf("outcome %q, want failure", v.AsString())
	}
}

// What an earlier process has counted of a running pull is not counted again.
func TestDownloadIOAfterARestart(t *testing.T) {
	r := newRecorded(t)
	p := running("a", 400)
	p.Start = time.Now().Add(-time.Hour)
	r.Report(pull.Update{Time: at(1), SourceUp: true, Active: []pull.Pull{p}})
	p.Downloaded = 450
	r.Report(pull.Update{Time: at(2), SourceUp: true, Active: []pull.Pull{p}})
	if got := r.only(t, semconv.DownloadIO); got != 50 {
		t.Errorf("download.io %g, want 50", got)
	}
}
