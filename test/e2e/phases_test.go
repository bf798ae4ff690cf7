package e2e

import (
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

// Pulltrace is killed and started again while a pull resolves its name, which
// takes long: the span has the pull's own start.
func TestKillWhileAPullResolves(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.push("resolving:1", 1<<20)
	n.registry.SetFaults(img.Root.Digest, registry.Delay(3*time.Second))
	n.killDuringPull(img, time.Second)
}

// The same while the pull waits for download slots that another one holds.
func TestKillWhileAPullIsQueued(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.since("2.1", "download slots that all pulls share")
	other := n.push("holder:1", 3<<20, 3<<20, 3<<20)
	img := n.push("queued:1", 1<<20)
	n.registry.SetRepositoryRate(other.Repository, 1_200_000)
	held := n.cri.Start(t.Context(), other.Ref())
	time.Sleep(500 * time.Millisecond)
	n.killDuringPull(img, time.Second)
	if pull := <-held; pull.Err != nil {
		t.Fatal(pull.Err)
	}
}

// The same while a layer of very many files is unpacked, whose blob was
// committed before.
func TestKillWhileAPullUnpacks(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.pushLayers("unpacking:1", n.manyFiles(60_000))
	span := n.killDuringPull(img, 1500*time.Millisecond)
	n.checkTree(span, img.Layers, img)
}

// manyFiles is one layer of so many files: soon fetched, and unpacked in seconds.
func (n *node) manyFiles(files int) []*registry.Layer {
	n.Helper()
	layer, err := registry.NewLayerOfFiles(files)
	if err != nil {
		n.Fatal(err)
	}
	return []*registry.Layer{layer}
}

// killDuringPull kills pulltrace some time into a pull and starts it again
// before that ends. What is told is one pull, whole.
func (n *node) killDuringPull(img *registry.Image, after time.Duration) otlp.Span {
	n.Helper()
	process := n.watch()
	done := n.cri.Start(n.Context(), img.Ref())
	time.Sleep(after)
	process.Kill()
	process = n.watch()
	watched := time.Now()
	pull := <-done
	if pull.Err != nil {
		n.Fatal(pull.Err)
	}
	if !pull.End.After(watched) {
		n.Fatalf("the pull ended %s before pulltrace was there again", watched.Sub(pull.End))
	}
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, n.registry.Served(img.Blobs()...))
	return span
}

// Pulltrace is killed the moment a pull has ended: it has told of it or not, but
// the next process does not tell it again.
func TestKillRightAfterAPull(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.push("ended:1", 1<<20)
	process := n.watch()
	pull := n.pull(img)
	process.Kill()
	process = n.watch("--idle-interval=250ms")
	next := n.push("next:1", 1<<20)
	n.pull(next)
	n.onlySpan(next, process)
	spans := n.pullSpans(img)
	if len(spans) > 1 {
		t.Fatalf("the pull has %d spans, want at most 1", len(spans))
	}
	for _, span := range spans {
		n.checkSuccess(span, img, pull, img.Size())
	}
}
