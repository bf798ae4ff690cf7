package telemetry

import (
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/pulltrace/pulltrace/collector/pull"
	"github.com/pulltrace/pulltrace/semconv"
)

// The metrics whose series are closed are those that name an image.
func TestLiveMetricsEnd(t *testing.T) {
	r := newRecorded(t)
	p := running("a", 250)
	p.Remaining, p.Pods = time.Second, []pull.Waiter{web}
	r.Report(pull.Update{Time: time.Now(), SourceUp: true, Active: []pull.Pull{p}})
	live := map[string]bool{}
	for _, name := range liveMetrics {
		live[name] = true
	}
	for _, name := range r.names(t) {
		points := r.points(t, semconv.Metric{Name: name})
		if _, named := points[0].attrs.Value("oci.manifest.digest"); named != live[name] {
			t.Errorf("%s names an image: %t; its series are closed: %t", name, named, live[name])
		}
		delete(live, name)
	}
	for name := range live {
		t.Errorf("%s was not exported", name)
	}
}

func TestSeriesCount(t *testing.T) {
	r := newRecorded(t)
	if got := r.only(t, semconv.SeriesCount); got != 0 {
		t.Errorf("%g live series, want 0", got)
	}
	p := running("a", 250)
	r.Report(pull.Update{Time: time.Now(), SourceUp: true, Active: []pull.Pull{p}})
	want := 0
	for _, name := range liveMetrics {
		want += len(r.points(t, semconv.Metric{Name: name}))
	}
	if got := r.only(t, semconv.SeriesCount); got != float64(want) || want == 0 {
		t.Errorf("%g live series, want the %d that are exported", got, want)
	}
}

// Whoever wants fewer series has none of layers.
func TestNoLayerMetrics(t *testing.T) {
	r := newRecorded(t)
	r.LayerMetrics = false
	r.Report(pull.Update{Time: time.Now(), SourceUp: true, Active: []pull.Pull{running("a", 250)}})
	for _, m := range []semconv.Metric{semconv.LayerDownloaded, semconv.LayerExpected} {
		if got := r.points(t, m); len(got) != 0 {
			t.Errorf("%s is told as %v", m.Name, got)
		}
	}
	if got := r.points(t, semconv.ImageLayers); len(got) != len(pull.LayerStates) {
		t.Errorf("layers are counted in %d states, want %d", len(got), len(pull.LayerStates))
	}
}

// An image that is pulled again at once begins anew: what was reached before was
// thrown away.
func TestPulledAgain(t *testing.T) {
	r := newRecorded(t)
	r.flusher.close(t.Context()) // nothing is delivered
	p := running("a", 700)
	r.Report(pull.Update{Time: time.Now(), SourceUp: true, Active: []pull.Pull{p}})
	r.Report(pull.Update{Time: time.Now(), SourceUp: true, Ended: []pull.Pull{ended("a", pull.Failure, 700)}})
	if got := r.only(t, semconv.ImageProgress); got != 0.7 {
		t.Errorf("the last sample's progress is %g, want 0.7 as reached", got)
	}
	again := running("b", 0)
	again.Layers[0].Download, again.Layers[0].State = pull.Span{}, pull.LayerQueued
	r.Report(pull.Update{Time: time.Now(), SourceUp: true, Active: []pull.Pull{again}})
	if got := r.only(t, semconv.ImageProgress); got != 0 {
		t.Errorf("progress %g, want 0", got)
	}
	if got := r.points(t, semconv.LayerDownloaded); len(got) != 0 {
		t.Errorf("%v is told of a layer that waits, want nothing", got)
	}
}

// What a pull that has ended leaves for the last sample.
func TestLastSampleIsTrue(t *testing.T) {
	r := newRecorded(t)
	r.flusher.close(t.Context()) // nothing is delivered
	p := running("a", 250)
	p.Rate, p.Idle, p.Remaining, p.Stalled = 50, time.Minute, time.Second, true
	r.Report(pull.Update{Time: time.Now(), SourceUp: true, Active: []pull.Pull{p}})
	r.Report(pull.Update{Time: time.Now(), SourceUp: true, Ended: []pull.Pull{ended("a", pull.Failure, 300)}})
	for m, want := range map[*semconv.Metric]float64{
		&semconv.ImageProgress: 0.3, &semconv.ImageRate: 0, &semconv.ImageIdle: 0, &semconv.ImageDownloaded: 300,
		&semconv.LayerDownloaded: 300, &semconv.PullStalled: 0,
	} {
		if got := r.only(t, *m); got != want {
			t.Errorf("%s = %g, want %g", m.Name, got, want)
		}
	}
	if got := r.points(t, semconv.ImageRemaining); len(got) != 0 {
		t.Errorf("the remaining time of a pull that has ended is %v", got)
	}
}

// The last sample waits for an export that had it: one that was on its way when
// the pull ended says nothing of it, and neither does one that failed.
func TestLastSampleWaitsForItsExport(t *testing.T) {
	r := newRecorded(t)
	r.flusher.close(t.Context()) // nothing is delivered
	end := func() {
		r.Report(pull.Update{Time: time.Now(), SourceUp: true, Ended: []pull.Pull{ended("a", pull.Failure, 300)}})
	}
	for name, test := range map[string]struct {
		play func()
		stay int
	}{
		"an export began before the end": {func() { began := time.Now(); end(); r.flushed(began) }, 1},
		"an export began after it":       {func() { end(); r.flushed(time.Now()) }, 0},
		"a request had been made before": {func() { end(); r.delivered(time.Now()) }, 1},
		"a request with it has arrived":  {func() { end(); r.collect(t); r.delivered(time.Now()) }, 0},
		"one before arrived after that":  {func() { end(); before := time.Now(); r.collect(t); r.delivered(before) }, 1},
		"it is pulled again": {func() {
			end()
			r.collect(t)
			p := running("b", 0)
			r.Report(pull.Update{Active: []pull.Pull{p}})
			r.delivered(time.Now())
		}, 1},
		"it is pulled and ends again": {func() { end(); r.collect(t); began := time.Now(); end(); r.delivered(began) }, 1},
	} {
		clear(r.images)
		test.play()
		if got := len(r.images); got != test.stay {
			t.Errorf("%s: %d images have series, want %d", name, got, test.stay)
		}
	}
}

// A scrape cannot say that it had the last sample: it stays for a while.
func TestLastSampleWaitsForAScrape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorded(t)
		defer r.Close(t.Context())
		r.sdk.Scraped = true
		r.Report(pull.Update{Time: time.Now(), SourceUp: true, Ended: []pull.Pull{ended("a", pull.Failure, 300)}})
		time.Sleep(holdScraped - time.Second)
		if got := len(r.points(t, semconv.ImageProgress)); got != 1 {
			t.Errorf("%d samples before %s, want the last one", got, holdScraped)
		}
		time.Sleep(2 * time.Second)
		if got := len(r.points(t, semconv.ImageProgress)); got != 0 {
			t.Errorf("%d samples after %s, want none", got, holdScraped)
		}
	})
}

// nowhere is where an export puts what it observes.
type nowhere struct{ noop.Observer }

var _ metric.Observer = nowhere{}

// An export makes no attributes, nor anything else: they are made once.
func TestExportAllocatesNothing(t *testing.T) {
	r := newRecorded(t)
	p := running("a", 250)
	r.Report(pull.Update{Time: time.Now(), SourceUp: true, Active: []pull.Pull{p}})
	if got := testing.AllocsPerRun(100, func() {
		for _, im := range r.images {
			im.observe(nowhere{}, r.instruments)
		}
		for _, g := range r.registries {
			g.observe(nowhere{}, r.instruments)
		}
	}); got != 0 {
		t.Errorf("%g allocations in an export, want none", got)
	}
}

// A poll makes no attributes of what it has seen before.
func TestPollMakesNoAttributes(t *testing.T) {
	r := newRecorded(t)
	p := running("a", 250)
	u := pull.Update{Time: time.Now(), SourceUp: true, Took: time.Millisecond, Active: []pull.Pull{p}}
	r.Report(u)
	if got := testing.AllocsPerRun(100, func() {
		u.Active[0].Downloaded++
		r.countBytes(&u.Active[0])
		r.polled(u)
		r.countRunning(u)
		for _, im := range r.images {
			im.updateLayers()
		}
	}); got != 0 {
		t.Errorf("%g allocations in a poll, want none", got)
	}
}
