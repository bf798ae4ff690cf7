package e2e

import (
	"slices"
	"testing"
	"time"
)

// Two callers of one image without the event stream: containerd stores one record
// for both, so that how one of them ended is unknown. It is not told as failed.
func TestTwoCallersWithoutTheEventStream(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.proxy.Cut(subscribe)
	n.registry.SetRate(3_000_000)
	img := n.push("twice-streamless:1", 4<<20, 2<<20)
	process := n.watch("--poll-interval=500ms", "--idle-interval=500ms")
	first := n.cri.Start(n.Context(), img.Ref())
	time.Sleep(apart)
	n.pull(img)
	if pull := <-first; pull.Err != nil {
		t.Fatal(pull.Err)
	}
	spans := n.waitSpans(img, 2)
	process.Stop()
	var outcomes []string
	for _, span := range spans {
		outcomes = append(outcomes, span.Attributes["pulltrace.pull.outcome"].(string))
	}
	slices.Sort(outcomes)
	if want := []string{"success", "unknown"}; !slices.Equal(outcomes, want) {
		t.Errorf("the pulls ended as %q, want %q:\n%s", outcomes, want, n.trees(spans))
	}
}
