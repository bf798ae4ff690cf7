package e2e

import (
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/registry"
)

// A second pull of the same image, whose manifest the registry answers slowly,
// so that its lease lives long enough to be seen: a span with nothing
// downloaded and everything cached.
func TestPullOfWhatIsThere(t *testing.T) { onEachVersion(t, pullOfWhatIsThere) }

func pullOfWhatIsThere(n *node) {
	img := n.push("cached:1", 2<<20, 1<<20)
	process := n.watch("--idle-interval=500ms")
	n.pull(img)
	n.waitSpans(img, 1)

	n.registry.SetFaults(img.Root.Digest, registry.Delay(2*time.Second))
	before := n.registry.Served(img.Blobs()...)
	pull := n.pull(img)
	if took := pull.End.Sub(pull.Start); took < 2*time.Second {
		n.Fatalf("the pull took %s, so its manifest was not asked for", took)
	}
	n.waitSpans(img, 2)
	process.Stop()
	spans := n.pullSpans(img)
	if len(spans) != 2 {
		n.Fatalf("two pulls have %d spans:\n%s", len(spans), n.trees(spans))
	}
	served := n.registry.Served(img.Blobs()...) - before
	if served != 0 {
		n.Fatalf("the registry served %d bytes for what is there", served)
	}
	n.checkSuccess(spans[1], img, pull, served)
	n.checkAttribute(spans[1], "pulltrace.pull.bytes.cached", img.Size())
	n.checkAttribute(spans[1], "pulltrace.pull.layer.cached", int64(len(img.Layers)))
	if told := n.total("pulltrace.download.io"); told != float64(img.Size()) {
		n.Errorf("pulltrace.download.io is %.0f after both, want %d", told, img.Size())
	}
}
