package docker

import (
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/pulltrace/pulltrace/test/docker/engine"
	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

// clockLimit is how far a pull's start and end may be from the client's clock around
// what it asked of Docker, whose own work is before the pull and after it.
const clockLimit = 250 * time.Millisecond

// step is what the sizes of layers that were cut short are known to.
const step = 1 << 20

// pullSpans returns the spans of the image's pulls that have arrived so far.
func (n *node) pullSpans(img *registry.Image) []otlp.Span {
	return slices.DeleteFunc(n.receiver.Spans("pull image"), func(s otlp.Span) bool {
		return s.Attributes["oci.manifest.digest"] != img.Root.Digest.String()
	})
}

// onlySpan returns the one span of an image; pulltrace has ended.
func (n *node) onlySpan(img *registry.Image) otlp.Span {
	n.Helper()
	spans := n.pullSpans(img)
	if len(spans) != 1 {
		n.Fatalf("%s has %d spans, want 1; told was\n%s", img.Ref(), len(spans), n.told())
	}
	return spans[0]
}

// checkTold makes sure that these pulls were told and no others: that there are so many
// spans, that no other pull was ever said to run, and that none stalled.
func (n *node) checkTold(pulls int) {
	n.Helper()
	n.checkStalls(pulls, 0)
}

// checkStalls is checkTold where some pulls may have stalled.
func (n *node) checkStalls(pulls, stalls int) {
	n.Helper()
	if got := len(n.receiver.Spans("pull image")); got != pulls {
		n.Errorf("%d pulls have a span, want %d", got, pulls)
	}
	if got := n.traces("pulltrace.pull.started"); got > pulls { // a short one ends before it is seen to run
		n.Errorf("%d pulls are said to have started, want %d at most", got, pulls)
	}
	if got := n.traces("pulltrace.pull.stalled"); got > stalls {
		n.Errorf("%d pulls are said to have stalled, want %d at the most", got, stalls)
	}
	if pulls == 0 {
		for _, metric := range []string{"pulltrace.pull.active", "pulltrace.pull.stalled", "pulltrace.pull.duration", "pulltrace.cache.hit"} {
			if peak := n.peak(metric); peak != 0 {
				n.Errorf("%s reaches %g without any pull", metric, peak)
			}
		}
	}
	if n.Failed() {
		n.Logf("told was\n%s", n.told())
	}
}

// traces counts the pulls that an event is of.
func (n *node) traces(event string) int {
	of := map[string]bool{}
	for _, e := range n.receiver.Events(event) {
		of[e.TraceID] = true
	}
	return len(of)
}

// peak is the highest value of a metric, over all its series, or its highest count.
func (n *node) peak(metric string) (peak float64) {
	for _, p := range n.receiver.Points(metric) {
		if !p.NoValue {
			peak = max(peak, p.Value, float64(p.Count))
		}
	}
	return peak
}

// last returns the last point of each series of a metric that is about this node's
// registry. That goes by its host, for containerd leaves the port out of its labels.
func (n *node) last(metric string) map[string]otlp.Point {
	host, _, _ := net.SplitHostPort(n.registry.Host())
	last := map[string]otlp.Point{}
	for _, p := range n.receiver.Points(metric) {
		if p.Attributes["pulltrace.registry"] == host && !p.NoValue {
			last[p.Attributes.String()] = p
		}
	}
	return last
}

// total is the last value of a counter over all its series.
func (n *node) total(metric string) (total float64) {
	for _, p := range n.last(metric) {
		total += p.Value
	}
	return total
}

// checkAttribute holds one attribute of a span against what is true.
func (n *node) checkAttribute(span otlp.Span, key string, want any) {
	n.Helper()
	if got := span.Attributes[key]; got != want {
		n.Errorf("a pull of %v has %s = %v (%[3]T), want %v (%[4]T)", span.Attributes["container.image.name"], key, got, want)
	}
}

// checkSuccess checks what the span of a good pull says that fetched so many bytes, and
// that its time is the client's.
func (n *node) checkSuccess(span otlp.Span, img *registry.Image, call engine.Call, fetched int64) {
	n.Helper()
	n.Logf("%s: start %+d ms, end %+d ms off the client's clock", img.Ref(),
		span.Start.Sub(call.Start).Milliseconds(), span.End.Sub(call.End).Milliseconds())
	if off := span.Start.Sub(call.Start); off < -clockLimit || off > clockLimit {
		n.Errorf("the pull of %s starts %s after the client asked for it", img.Ref(), off)
	}
	if off := span.End.Sub(call.End); off < -clockLimit || off > clockLimit {
		n.Errorf("the pull of %s ends %s after the client's call", img.Ref(), off)
	}
	n.checkBytes(span, img, fetched)
}

// checkBytes checks what the span of a good pull says that fetched so many bytes.
func (n *node) checkBytes(span otlp.Span, img *registry.Image, fetched int64) {
	n.Helper()
	n.checkAttribute(span, "container.image.name", img.Name())
	n.checkAttribute(span, "oci.manifest.digest", img.Root.Digest.String())
	n.checkAttribute(span, "pulltrace.containerd.namespace", "moby")
	n.checkAttribute(span, "pulltrace.pull.outcome", "success")
	n.checkAttribute(span, "error.type", nil)
	n.checkAttribute(span, "pulltrace.pull.total_known", true)
	n.checkAttribute(span, "pulltrace.pull.bytes.size", img.Size())
	n.checkAttribute(span, "pulltrace.pull.bytes.downloaded", fetched)
	n.checkAttribute(span, "pulltrace.pull.bytes.cached", img.Size()-fetched)
	n.checkAttribute(span, "pulltrace.pull.layer.count", int64(len(img.Layers)))
	if got := fmt.Sprint(span.Attributes["container.image.tags"]); got != fmt.Sprint([]any{img.Tag}) {
		n.Errorf("the pull of %s has the tags %s", img.Ref(), got)
	}
}

// checkAbandoned checks the span of a pull that nobody drives any more.
func (n *node) checkAbandoned(span otlp.Span, img *registry.Image) {
	n.Helper()
	n.checkAttribute(span, "oci.manifest.digest", img.Root.Digest.String())
	n.checkAttribute(span, "pulltrace.pull.outcome", "unknown")
	n.checkAttribute(span, "error.type", "abandoned")
	if estimated := fmt.Sprint(span.Attributes["pulltrace.estimated"]); estimated == "<nil>" {
		n.Errorf("the pull of %s that was abandoned says nothing of what is estimated", img.Ref())
	}
}

// checkCounted checks that what was told of bytes is what was served, each byte once, with
// so many layers of which it is not exactly known.
func (n *node) checkCounted(served int64, cut int) {
	n.Helper()
	told := n.total("pulltrace.download.io")
	n.Logf("pulltrace.download.io is %.0f, the registry served %d", told, served)
	if off := math.Abs(told - float64(served)); off > float64(cut*step) {
		n.Errorf("pulltrace.download.io is %.0f, the registry served %d", told, served)
	}
	if peak := n.peak("pulltrace.image.progress"); peak > 1 {
		n.Errorf("progress reaches %g", peak)
	}
}

// checkDurations checks that so many pulls are in the histogram, all of them good.
func (n *node) checkDurations(pulls uint64) {
	n.Helper()
	var counted uint64
	for _, p := range n.last("pulltrace.pull.duration") {
		counted += p.Count
		if p.Attributes["pulltrace.pull.outcome"] != "success" {
			n.Errorf("pulltrace.pull.duration has %d pulls with %s", p.Count, p.Attributes)
		}
	}
	if counted != pulls {
		n.Errorf("pulltrace.pull.duration has %d pulls, want %d", counted, pulls)
	}
}

// told is all that was told of pulls, as text.
func (n *node) told() string {
	var b strings.Builder
	for _, s := range n.receiver.Spans("pull image") {
		fmt.Fprintf(&b, "%s%s\n", n.receiver.Tree(s), s.Attributes)
	}
	for _, e := range n.receiver.Events("") {
		fmt.Fprintf(&b, "%s %s of trace %s: %s\n", e.Time.Format("15:04:05.000"), e.Name, e.TraceID, e.Attributes)
	}
	return b.String()
}
