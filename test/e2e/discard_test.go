package e2e

import (
	"slices"
	"testing"
	"time"

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

// Pulltrace starts in the middle of a pull whose layers are to be thrown away, when the
// first has been unpacked: the pull is told from then on, and what comes is counted.
func TestStartInTheMiddleOfAPullThatDiscards(t *testing.T) {
	t.Parallel()
	n := newNodeWith(t, discardingLayers(testVersion()))
	img := n.push("discards:1", 1<<20, 10<<20, 10<<20)
	n.shapeLayers(img, 6_000_000)
	n.registry.SetDigestRate(img.Layers[0].Digest, 0)
	done := n.cri.Start(n.Context(), img.Ref())
	time.Sleep(2 * time.Second)
	before := n.registry.Served(img.Blobs()...)
	process := n.watch(shortThreshold)
	n.wait("the pull to be told", func() bool { return n.wasPhase("downloading") })
	if told := time.Since(process.Started); told > 2*time.Second {
		t.Errorf("the pull is told %s after the start", told)
	}
	pull := <-done
	n.mustGoWell(pull)
	if !pull.End.After(process.Started.Add(2 * time.Second)) {
		t.Fatalf("the pull ended %s after the start, which did not see its middle", pull.End.Sub(process.Started))
	}
	span := n.onlySpan(img, process)
	served := n.registry.Served(img.Blobs()...)
	n.checkSuccess(span, img, pull, served)
	n.neverStalled()
	came := float64(served - before)
	if told := n.total("pulltrace.download.io"); told < came-2<<20 || told > float64(served) {
		t.Errorf("pulltrace.download.io is %.0f, of %d bytes %.0f were served since the start", told, served, came)
	}
}
