package e2e

import (
	"slices"
	"testing"

	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/registry"
)

// A containerd that throws layers away as soon as they are unpacked: the pull is
// told whole all the same, though its blobs are gone a moment after it.
func TestPullThatDiscardsItsLayers(t *testing.T) {
	onEachVersionWith(t, discardingLayers, func(n *node) { n.pullAndDiscard() })
}

// The same, polling every 5 s.
func TestPullThatDiscardsItsLayersPolledRarely(t *testing.T) {
	onEachVersionWith(t, discardingLayers, func(n *node) { n.pullAndDiscard("--poll-interval=5s") })
}

func discardingLayers(version string) containerd.Options {
	if version == "1.7" {
		return containerd.Options{Images: "  containerd.discard_unpacked_layers = true"}
	}
	return containerd.Options{Images: "  discard_unpacked_layers = true"}
}

func (n *node) pullAndDiscard(flags ...string) {
	n.Helper()
	img := n.push("discarded:1", 3<<20, 1<<20, 2<<20)
	n.registry.SetRate(3_000_000)
	process := n.watch(append(flags, "--idle-interval=10s")...)
	pull := n.pull(img)
	span := n.waitSpans(img, 1)[0]
	served := n.registry.Served(img.Blobs()...)
	n.checkSuccess(span, img, pull, served)
	n.checkTree(span, img.Layers, img)
	n.checkAnswers(span, clockLimit)
	n.wait("the layers to be thrown away", func() bool {
		return !slices.ContainsFunc(img.Layers, func(l *registry.Layer) bool { return n.daemon.HasBlob(l.Digest) })
	})
	process.Stop()
	if spans := n.pullSpans(img); len(spans) != 1 {
		n.Errorf("%s has %d spans, want 1:\n%s", img.Ref(), len(spans), n.trees(spans))
	}
}
