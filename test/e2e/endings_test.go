package e2e

import (
	"net/http"
	"slices"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

// Every way in which a registry can refuse a layer or serve a wrong one, while
// the other layer comes: one failed span each.
func TestLayerThatFails(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	process := n.watch()
	n.registry.SetRate(2_000_000)
	endings := map[string][]registry.Fault{
		"not-found":    {registry.Status(http.StatusNotFound)},
		"unauthorized": {registry.Status(http.StatusUnauthorized)},
		"forbidden":    {registry.Status(http.StatusForbidden)},
		"limited":      {registry.Status(http.StatusTooManyRequests), registry.RetryAfter(time.Second)},
		"broken":       {registry.Status(http.StatusInternalServerError)},
		"wrong-bytes":  {registry.Corrupt()},
	}
	for name, faults := range endings {
		img := n.push(name+":1", 1<<20, 2<<20)
		n.registry.SetFaults(img.Layers[1].Digest, append(faults, registry.Delay(500*time.Millisecond))...)
		pull := n.cri.Pull(n.Context(), img.Ref())
		n.waitSpans(img, 1)
		n.checkFailure(img, pull, 2)
	}
	process.Stop()
	n.checkOutcomes(0, len(endings))
	if spans := n.receiver.Spans("pull image"); len(spans) != len(endings) {
		t.Errorf("%d pulls have %d spans:\n%s", len(endings), len(spans), n.trees(spans))
	}
}

// A layer that is refused at first and then served: containerd asks again, and
// the pull goes well.
func TestLayerThatRecovers(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	process := n.watch()
	n.registry.SetRate(4_000_000)
	endings := map[string][]registry.Fault{
		"limited": {registry.Status(http.StatusTooManyRequests), registry.RetryAfter(time.Second), registry.Times(3)},
		"broken":  {registry.Status(http.StatusInternalServerError), registry.Times(1)},
	}
	if n.tellsNoBlobs() { // up to 2.0 the pull fails
		delete(endings, "broken")
	}
	for name, faults := range endings {
		img := n.push(name+":1", 1<<20, 2<<20)
		n.registry.SetFaults(img.Layers[1].Digest, append(faults, registry.Delay(200*time.Millisecond))...)
		pull := n.pull(img)
		span := n.waitSpans(img, 1)[0]
		n.checkSuccess(span, img, pull, n.registry.Served(img.Blobs()...))
		n.checkTree(span, img.Layers, img)
	}
	process.Stop()
	n.checkOutcomes(len(endings), 0)
}

// inFlight is what the registry has served and containerd has not taken from its
// socket.
const inFlight = 128 << 10

// fastRate is what comes from one poll to the next at the highest rate of a test.
const fastRate = 4_000_000

// checkFailure checks all that the one span of a failed pull says, and that no
// more was told than is true. So many layers were open when it failed: of each,
// containerd may have got up to 1 MiB that it did not yet show.
func (n *node) checkFailure(img *registry.Image, pull cri.Pull, open int64) {
	n.Helper()
	if pull.Err == nil {
		n.Fatalf("the pull of %s went well", img.Ref())
	}
	spans := n.pullSpans(img)
	if len(spans) != 1 {
		n.Fatalf("%s has %d spans, want 1:\n%s", img.Ref(), len(spans), n.trees(spans))
	}
	n.checkClock(spans[0], pull)
	n.checkFailed(spans[0], img, pull, open)
	n.checkUnfinished(img)
}

// checkUnfinished checks that no pull of an image was ever told as complete.
func (n *node) checkUnfinished(img *registry.Image) {
	n.Helper()
	for _, p := range n.points("pulltrace.image.progress", img) {
		if p.Value >= 1 {
			n.Errorf("the failed pull of %s is told with progress %g", img.Ref(), p.Value)
		}
	}
}

// checkFailed checks one span of a failed pull, but for its end.
func (n *node) checkFailed(span otlp.Span, img *registry.Image, pull cri.Pull, open int64) {
	n.Helper()
	served := n.servedFor(img)
	n.record(span, pull, served)
	n.checkAttribute(span, "container.image.name", earlyName(img)) // no image record came
	n.checkAttribute(span, "pulltrace.pull.outcome", "failure")
	n.checkAttribute(span, "error.type", "_OTHER")
	n.checkAttribute(span, "pulltrace.pull.total_known", true)
	n.checkAttribute(span, "pulltrace.pull.bytes.size", img.Size())
	n.checkAttribute(span, "pulltrace.pull.layer.count", int64(len(img.Layers)))
	if span.Status != tracepb.Status_STATUS_CODE_ERROR || span.ParentID != "" {
		n.Errorf("the failed span of %s has status %s and parent %q", img.Ref(), span.Status, span.ParentID)
	}
	told, _ := span.Attributes["pulltrace.pull.bytes.downloaded"].(int64)
	limit := open<<20 + inFlight
	if isEstimated(span, "download.bytes") {
		limit += fastRate // containerd had collected it as garbage since the last poll
	}
	if told > served || served-told > limit {
		n.Errorf("the failed pull of %s fetched %d bytes, the registry served %d", img.Ref(), told, served)
	}
	n.checkAttribute(span, "pulltrace.pull.bytes.wasted", told)
	n.checkLayersAreOwn(span, img)
	for _, child := range n.receiver.Children(span) {
		if child.Start.Before(span.Start) || child.End.After(span.End) {
			n.Errorf("a %s of %s is not within the pull:\n%s", child.Name, img.Ref(), n.receiver.Tree(span))
		}
	}
}

// checkUnseenEnd holds the clock of a failed pull against its call, where
// containerd tells nothing of the end: it is known to one poll, and said so.
func (n *node) checkUnseenEnd(span otlp.Span, pull cri.Pull) {
	n.Helper()
	if d := span.Start.Sub(pull.Start); d.Abs() > clockLimit {
		n.Errorf("the span of %s starts %s after the call", pull.Image, d)
	}
	if d := span.End.Sub(pull.End); d < -clockLimit || d > time.Second+clockLimit {
		n.Errorf("the span of %s ends %s after the call", pull.Image, d)
	}
	if !isEstimated(span, "pull.end") {
		n.Errorf("the span of %s does not say that its end is estimated", pull.Image)
	}
}

// isEstimated tells whether a span says that something on it was inferred.
func isEstimated(span otlp.Span, what string) bool {
	list, _ := span.Attributes["pulltrace.estimated"].([]any)
	return slices.Contains(list, any(what))
}

// checkOutcomes holds the counts of pulltrace.pull.duration against what was
// pulled in all.
func (n *node) checkOutcomes(successes, failures int) {
	n.Helper()
	told := map[any]int{}
	for _, p := range n.registryPoints("pulltrace.pull.duration") {
		told[p.Attributes["pulltrace.pull.outcome"]] += int(p.Count)
	}
	if told["success"] != successes || told["failure"] != failures || told["unknown"] != 0 {
		n.Errorf("pulltrace.pull.duration counts %v, want %d successes and %d failures", told, successes, failures)
	}
}
