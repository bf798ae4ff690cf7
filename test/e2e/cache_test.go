package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

// An image on a base image that is there: the layers above it are fetched, and
// those of the base have no span.
func TestBaseImageIsThere(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	base := n.push("base:1", 2<<20, 1<<20)
	n.pull(base)
	img := n.pushLayers("app:1", append(base.Layers[:2:2], n.layers(1<<20, 512<<10)...))
	n.registry.SetRate(4_000_000)
	process := n.watch()
	pull := n.pull(img)
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, n.servedFor(img))
	n.checkTree(span, img.Layers[2:], img)
	n.checkLayerCounts(span, 2, 2)
	if served := n.servedFor(img); served >= 2<<20 {
		t.Errorf("the registry served %d bytes, so the base was fetched again", served)
	}
}

// An image with one layer that is there as a blob, between two that are not: its
// snapshot depends on the layer below, so it is unpacked and not fetched.
func TestLayerInTheMiddleIsThere(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	other := n.push("other:1", 2<<20)
	n.pull(other)
	layers := n.layers(1<<20, 512<<10)
	img := n.pushLayers("middle:1", []*registry.Layer{layers[0], other.Layers[0], layers[1]})
	n.registry.SetRate(4_000_000)
	process := n.watch()
	pull := n.pull(img)
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, img.Size()-other.Layers[0].Size)
	n.checkLayerCounts(span, 2, 1)
	n.checkSteps(span, img, "download unpack", "unpack", "download unpack")
}

// Blobs that are there, and snapshots that are gone: everything is unpacked and
// nothing is fetched.
func TestSnapshotsAreGone(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.push("blobs:1", 2<<20, 1<<20)
	n.pull(img)
	n.removeSnapshots(img)
	process := n.watch()
	before := n.servedFor(img)
	pull := n.pull(img)
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, n.servedFor(img)-before)
	n.checkAttribute(span, "pulltrace.pull.bytes.downloaded", int64(0))
	n.checkLayerCounts(span, 0, 2)
	n.checkSteps(span, img, "unpack", "unpack")
}

// Snapshots that are there, and blobs that were thrown away: nothing is fetched
// and nothing unpacked, and an image on top of them fetches its own layers only.
func TestBlobsAreDiscarded(t *testing.T) {
	t.Parallel()
	n := newNodeWith(t, discardingLayers(testVersion()))
	base := n.push("discarded:1", 2<<20, 1<<20)
	n.pull(base)
	n.waitDiscarded(base)
	n.registry.SetRate(4_000_000)
	process := n.watch("--idle-interval=500ms")

	img := n.pushLayers("on-discarded:1", append(base.Layers[:2:2], n.layers(1<<20)...))
	pull := n.pull(img)
	span := n.waitSpans(img, 1)[0]
	n.checkSuccess(span, img, pull, n.servedFor(img))
	n.checkTree(span, img.Layers[2:], img)
	n.checkLayerCounts(span, 1, 2)

	pull = n.pullSlowly(base)
	span = n.onlySpan(base, process)
	n.checkSuccess(span, base, pull, 0)
	n.checkLayerCounts(span, 0, 2)
	n.checkSteps(span, base, "", "")
}

// Blobs that another namespace has: containerd takes them over without a byte
// from the network.
func TestBlobsOfAnotherNamespace(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.push("shared:1", 2<<20, 1<<20)
	n.ctrOutput("default", "images", "pull", "--plain-http", "--snapshotter", n.daemon.Snapshotter, img.Ref())
	process := n.watch()
	before := n.servedFor(img)
	pull := n.pull(img)
	span := n.onlySpan(img, process)
	if served := n.servedFor(img) - before; served != 0 {
		t.Fatalf("the registry served %d bytes for what another namespace has", served)
	}
	n.checkSuccess(span, img, pull, 0)
	n.checkSteps(span, img, "unpack", "unpack")
	n.checkLayerCounts(span, 0, 2)
	for _, layer := range n.receiver.Children(span) {
		if layer.Name == "layer" && !isEstimated(layer, "download.bytes") {
			t.Error("a layer does not say that its bytes are estimated: containerd does not tell where they came from")
		}
	}
}

// checkLayerCounts checks how many layers a pull says it fetched and found.
func (n *node) checkLayerCounts(span otlp.Span, downloaded, cached int64) {
	n.Helper()
	n.checkAttribute(span, "pulltrace.pull.layer.downloaded", downloaded)
	n.checkAttribute(span, "pulltrace.pull.layer.cached", cached)
}

// checkSteps checks which steps each layer of an image was told with, in order.
func (n *node) checkSteps(span otlp.Span, img *registry.Image, want ...string) {
	n.Helper()
	told := make([]string, len(want))
	for _, layer := range n.receiver.Children(span) {
		index, ok := layer.Attributes["pulltrace.layer.index"].(int64)
		if !ok {
			continue
		}
		for i, step := range n.receiver.Children(layer) {
			if i > 0 {
				told[index] += " "
			}
			told[index] += step.Name
		}
	}
	for i := range want {
		if told[i] != want[i] {
			n.Errorf("layer %d of %s is told with %q, want %q:\n%s", i, img.Ref(), told[i], want[i], n.receiver.Tree(span))
		}
	}
}

// pullSlowly pulls an image whose root the registry answers slowly, so that the
// lease of a pull with nothing to do lives long enough to be seen.
func (n *node) pullSlowly(img *registry.Image) cri.Pull {
	n.Helper()
	n.registry.SetFaults(img.Root.Digest, registry.Delay(2*time.Second))
	pull := n.pull(img)
	if took := pull.End.Sub(pull.Start); took < 2*time.Second {
		n.Fatalf("the pull took %s, so its root was not asked for", took)
	}
	return pull
}

// ctrOutput is what ctr writes, which must go well.
func (n *node) ctrOutput(namespace string, args ...string) string {
	n.Helper()
	out, err := n.daemon.Ctr(n.Context(), namespace, args...).CombinedOutput()
	if err != nil {
		n.Fatalf("ctr %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// removeSnapshots removes the snapshots of an image of two layers. Once the top
// is gone the garbage collector may be faster than the test.
func (n *node) removeSnapshots(img *registry.Image) {
	n.Helper()
	bottom := img.Layers[0].DiffID
	top := digest.FromString(bottom.String() + " " + img.Layers[1].DiffID.String())
	for _, chain := range []digest.Digest{top, bottom} {
		out, err := n.daemon.Ctr(n.Context(), "k8s.io", "snapshots", "--snapshotter", n.daemon.Snapshotter, "rm", chain.String()).CombinedOutput()
		if err != nil && (chain == top || !strings.Contains(string(out), "not found")) {
			n.Fatalf("removing snapshot %s: %v\n%s", chain, err, out)
		}
	}
}

// waitDiscarded waits until the layers of an image are no longer in the content
// store.
func (n *node) waitDiscarded(img *registry.Image) {
	n.Helper()
	for range 100 {
		list := n.ctrOutput("k8s.io", "content", "ls", "-q")
		if !slices.ContainsFunc(img.Layers, func(l *registry.Layer) bool { return strings.Contains(list, l.Digest.String()) }) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	n.Fatalf("the layers of %s were not discarded", img.Ref())
}
