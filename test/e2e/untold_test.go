package e2e

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

// The config of an image is refused: the pull has fetched its manifest and ends a
// moment later. From 2.1 an event tells of the manifest; before, nothing does, and
// no poll was due: the pull may go untold, but nothing is invented for it, and the
// next one is told.
func TestPullWhoseConfigIsRefused(t *testing.T) {
	onEachVersion(t, func(n *node) {
		img := n.push("refused:1", 1<<20)
		n.registry.SetFaults(img.Config.Digest, registry.Status(http.StatusNotFound), registry.Delay(100*time.Millisecond)) // as over a network
		process := n.watch("--idle-interval=10s")
		failed := n.cri.Pull(n.Context(), img.Ref())
		if failed.Err == nil {
			n.Fatal("the pull without a config went well")
		}
		time.Sleep(time.Second) // less than the poll that sees that it is gone
		n.registry.SetFaults(img.Config.Digest)
		pull := n.pull(img)

		var good, bad []otlp.Span
		n.wait("the span of the good pull", func() bool {
			good, bad = n.byOutcome(img)
			return len(good) > 0
		})
		process.Stop()
		if good, bad = n.byOutcome(img); len(good) != 1 || len(bad) > 1 || (len(bad) == 0 && !n.tellsNoBlobs()) {
			n.Fatalf("a refused pull and a good one have %d failed and %d good spans:\n%s%s", len(bad), len(good), n.trees(bad), n.trees(good))
		}
		n.checkSuccess(good[0], img, pull, n.registry.Served(img.Blobs()...))
		for _, span := range bad {
			n.record(span, failed, 0)
			// No snapshot is given up, so that a poll sees the end.
			if estimated, _ := span.Attributes["pulltrace.estimated"].([]any); !slices.Contains(estimated, any("pull.end")) {
				n.Errorf("the refused pull has %v estimated, want its end", estimated)
			}
			if off := span.End.Sub(failed.End); off < -clockLimit || off > time.Second+clockLimit {
				n.Errorf("the refused pull is told to end %s after the call, want a poll's interval at most", off)
			}
			n.checkAttribute(span, "pulltrace.pull.outcome", "failure")
			n.checkAttribute(span, "pulltrace.pull.bytes.downloaded", int64(0))
		}
	})
}

// byOutcome are the spans of an image's pulls that went well, and of the others.
func (n *node) byOutcome(img *registry.Image) (good, bad []otlp.Span) {
	for _, span := range n.pullSpans(img) {
		if span.Attributes["pulltrace.pull.outcome"] == "success" {
			good = append(good, span)
		} else {
			bad = append(bad, span)
		}
	}
	return good, bad
}
