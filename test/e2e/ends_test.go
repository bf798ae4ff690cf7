package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

// What is told when a pull ends: its series get one last sample and are closed,
// the totals are what the registry says, and the events are the span's.
func TestEndOfAPull(t *testing.T) { onEachVersion(t, endOfAPull) }

func endOfAPull(n *node) {
	base := n.layers(2 << 20)
	first := n.pushLayers("base:1", base)
	img := n.pushLayers("app:1", append(base, n.layers(3<<20)...))
	n.registry.SetRate(3_000_000)
	process := n.watch()
	n.pull(first)
	pull := n.pull(img)
	span := n.waitSpans(img, 1)[0]
	n.waitClosed(img)

	last := n.lastSamples(img)
	for metric, want := range map[string]float64{
		"pulltrace.image.progress": 1, "pulltrace.image.size": float64(img.Size()),
		"pulltrace.image.downloaded": float64(img.Size() - base[0].Size), "pulltrace.image.cached": float64(base[0].Size),
		"pulltrace.image.rate": 0, "pulltrace.image.idle_time": 0,
	} {
		if got := last[metric]; len(got) != 1 || got[0] != want {
			n.Errorf("the last sample of %s is %g, want %g", metric, got, want)
		}
	}
	if got := n.total("pulltrace.cache.hit"); got != float64(base[0].Size) {
		n.Errorf("pulltrace.cache.hit is %g, want the %d bytes of the layer that was there", got, base[0].Size)
	}
	if got := n.total("pulltrace.download.wasted"); got != 0 {
		n.Errorf("pulltrace.download.wasted is %g, want 0", got)
	}
	if got, want := n.histogramSum("pulltrace.pull.downloaded"), float64(n.servedFor(first)+n.servedFor(img)); got != want {
		n.Errorf("pulltrace.pull.downloaded has a sum of %g, the registry served %g", got, want)
	}
	n.checkEvents(span, "started", "finished")
	started := n.eventsOf(span)[0]
	if d := started.Time.Sub(pull.Start); d.Abs() > clockLimit {
		n.Errorf("the pull has started %s after the call", d)
	}
	n.checkMemory(process.Memory())
	process.Stop()
	n.closedOnce(img)
}

// A pull that failed and wasted what it had fetched. Its series end like any.
func TestEndOfAFailedPull(t *testing.T) { onEachVersion(t, endOfAFailedPull) }

func endOfAFailedPull(n *node) {
	img, process, _ := n.pullCut()
	span := n.waitSpans(img, 1)[0]
	n.waitClosed(img)
	last := n.lastSamples(img)
	if rate, idle := last["pulltrace.image.rate"], last["pulltrace.image.idle_time"]; rate[0] != 0 || idle[0] != 0 {
		n.Errorf("the last samples say %g B/s and %g s idle, of a pull that has ended", rate, idle)
	}
	wasted, _ := span.Attributes["pulltrace.pull.bytes.wasted"].(int64)
	if got := n.total("pulltrace.download.wasted"); wasted == 0 || got != float64(wasted) || wasted > n.servedFor(img) {
		n.Errorf("%g bytes are told as wasted, %d on the span; the registry served %d", got, wasted, n.servedFor(img))
	}
	n.checkEvents(span, "started", "failed")
	failed := n.eventsOf(span)[1]
	if failed.Attributes["error.type"] != span.Attributes["error.type"] || failed.Severity != "SEVERITY_NUMBER_WARN" {
		n.Errorf("the event has severity %s and error %v, the span error %v", failed.Severity, failed.Attributes["error.type"], span.Attributes["error.type"])
	}
	process.Stop()
	n.closedOnce(img)
}

// A pull that still runs when pulltrace ends: its series are closed all the same,
// for nobody will go on with them.
func TestSeriesAreClosedAtTheEnd(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.push("slow:1", 6<<20)
	n.registry.SetRate(1_000_000)
	process := n.watch()
	done := n.cri.Start(n.Context(), img.Ref())
	n.wait("a sample", func() bool { return len(n.points("pulltrace.layer.downloaded", img)) > 0 })
	process.Stop()
	n.closedOnce(img)
	if pull := <-done; pull.Err != nil {
		t.Fatal(pull.Err)
	}
}

// series are the points of each live series of an image, in order of arrival.
func (n *node) series(img *registry.Image) map[string][]otlp.Point {
	all := map[string][]otlp.Point{}
	for _, p := range n.receiver.Points("") {
		if p.Attributes["oci.manifest.digest"] == img.Root.Digest.String() {
			id := p.Metric + " " + p.Attributes.String()
			all[id] = append(all[id], p)
		}
	}
	return all
}

// waitClosed waits until all series of an image are closed.
func (n *node) waitClosed(img *registry.Image) {
	n.Helper()
	n.wait("the series of "+img.Ref()+" to be closed", func() bool {
		series := n.series(img)
		for _, points := range series {
			if !points[len(points)-1].NoValue {
				return false
			}
		}
		return len(series) > 0
	})
}

// lastSamples are the last values of each metric of an image.
func (n *node) lastSamples(img *registry.Image) map[string][]float64 {
	last := map[string][]float64{}
	for _, points := range n.series(img) {
		for _, p := range slices.Backward(points) {
			if !p.NoValue {
				last[p.Metric] = append(last[p.Metric], p.Value)
				break
			}
		}
	}
	return last
}

// closedOnce makes sure that each series of an image has ended, once, with its
// last point; what is not known at times may end more than once.
func (n *node) closedOnce(img *registry.Image) {
	n.Helper()
	series := n.series(img)
	if len(series) == 0 {
		n.Errorf("%s has no series", img.Ref())
	}
	for id, points := range series {
		ends := 0
		for _, p := range points {
			if p.NoValue {
				ends++
			}
		}
		sometimes := strings.HasPrefix(id, "pulltrace.image.remaining_time")
		if !points[len(points)-1].NoValue || (ends != 1 && !sometimes) {
			n.Errorf("%s was closed %d times, and its last point is %+v", id, ends, points[len(points)-1])
		}
	}
}

// histogramSum is the sum of a histogram over the attribute sets of this node's
// registry.
func (n *node) histogramSum(metric string) (sum float64) {
	for _, p := range n.registryPoints(metric) {
		sum += p.Sum
	}
	return sum
}

// eventsOf are the events in the trace of a pull, in order.
func (n *node) eventsOf(span otlp.Span) []otlp.Event {
	var events []otlp.Event
	for _, e := range n.receiver.Events("") {
		if e.TraceID == span.TraceID {
			events = append(events, e)
		}
	}
	return events
}

// checkEvents waits for the events of a pull, which must be these and be of its
// root span; the last one says what the span says.
func (n *node) checkEvents(span otlp.Span, kinds ...string) {
	n.Helper()
	n.wait("the events of a pull", func() bool { return len(n.eventsOf(span)) >= len(kinds) })
	events := n.eventsOf(span)
	for i, e := range events {
		if i >= len(kinds) || e.Name != "pulltrace.pull."+kinds[i] || e.SpanID != span.SpanID || e.Body != nil {
			n.Errorf("event %d is %s of span %s with body %v, want one of %v of %s without", i, e.Name, e.SpanID, e.Body, kinds, span.SpanID)
		}
	}
	if last := events[len(events)-1]; !last.Time.Equal(span.End) || last.Attributes.String() != span.Attributes.String() {
		n.Errorf("the last event is of %s and says %s; the span ended %s and says %s", last.Time, last.Attributes, span.End, span.Attributes)
	}
}

// checkMemory holds what pulltrace says of its memory against the most that the
// kernel has seen.
func (n *node) checkMemory(peak int64) {
	n.Helper()
	points := n.receiver.Points("process.memory.usage")
	if len(points) == 0 {
		n.Fatal("pulltrace does not tell its memory")
	}
	if got := points[len(points)-1].Value; got > float64(peak) || got < float64(peak)/2 {
		n.Errorf("pulltrace says that it has %.0f bytes of memory, the kernel that it has had %d at most", got, peak)
	}
}

// checkStall holds the one stall of a pull against when its last byte came and
// when it went on.
func (n *node) checkStall(span otlp.Span, threshold time.Duration, lastByte, resumed time.Time) {
	n.Helper()
	n.checkEvents(span, "started", "stalled", "resumed", "finished")
	events := n.eventsOf(span)
	if d := events[1].Time.Sub(lastByte); d < threshold-500*time.Millisecond || d > threshold+time.Second { // which was about then
		n.Errorf("it stalled %s after the last byte, want %s", d, threshold)
	}
	if d := events[2].Time.Sub(resumed); d < 0 || d > 2*time.Second {
		n.Errorf("it resumed %s after it went on, want a step of 1 MiB and a poll", d)
	}
	if got := n.total("pulltrace.pull.stalls"); got != 1 {
		n.Errorf("%g stalls are counted, want 1", got)
	}
}
