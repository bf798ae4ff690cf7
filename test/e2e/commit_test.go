package e2e

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
	"github.com/pulltrace/pulltrace/test/slowdisk"
)

// containerd takes seconds to commit a layer, for its database is on a slow disk.
// Meanwhile neither the ingest nor the blob shows: the pull has neither lost the
// layer nor begun it anew, and nothing is told as failed or complete before it is.
func TestCommitThatTakesLong(t *testing.T) {
	onEachVersion(t, func(n *node) {
		n.daemon.Stop()
		disk := slowdisk.Mount(n, filepath.Join(filepath.Dir(n.daemon.Socket), "root", "io.containerd.metadata.v1.bolt"))
		n.Cleanup(n.daemon.Stop)
		n.daemon.Restart()
		img := n.push("slow-commit:1", 4<<20)
		n.registry.SetRate(3_000_000)
		process := n.watch("--stall-threshold=20s")
		done := n.cri.Start(n.Context(), img.Ref())
		n.wait("the layer to be served", func() bool { return n.servedFor(img) > 3<<20 })
		const slow = 2 * time.Second
		disk.Slow(slow) // twice for each transaction
		time.Sleep(2 * slow)
		disk.Slow(0)
		pull := <-done
		n.mustGoWell(pull)
		span := n.onlySpan(img, process)
		n.checkSuccess(span, img, pull, n.servedFor(img))
		n.checkSpans(span, img.Layers, img) // containerd's records are of when the commits began
		atLeast := 2 * slow
		if n.tellsNoBlobs() {
			atLeast = slow - time.Second // shown before it is safe, and seen a poll later
		}
		n.checkLongCommit(span, img, atLeast)
	})
}

// checkLongCommit checks that the download of the one layer of a pull lasts until its
// commit is over, at least so long after its last byte, and that the layer is never
// told as waiting for it again, nor as done, before.
func (n *node) checkLongCommit(span otlp.Span, img *registry.Image, atLeast time.Duration) {
	n.Helper()
	for _, layer := range n.receiver.Children(span) {
		if layer.Name != "layer" {
			continue
		}
		served, _ := n.request(img.Layers[0].Digest.String())
		download := n.receiver.Children(layer)[0]
		if late := download.End.Sub(served.End); late < atLeast {
			n.Errorf("the download ends %s after its last byte, want %s at least:\n%s", late, atLeast, n.receiver.Tree(span))
		}
		if n.tellsNoBlobs() {
			n.checkEstimated(layer, "download.end")
			n.checkEstimated(layer, "unpack.start")
		}
		for _, p := range n.points("pulltrace.image.layer.count", img) {
			state := p.Attributes["pulltrace.layer.state"]
			if p.Value > 0 && p.Time.After(served.End) && p.Time.Before(download.End) && (state == "queued" || state == "done" || state == "cached") {
				n.Errorf("the layer is told as %v %s before its commit was over", state, download.End.Sub(p.Time))
			}
		}
	}
}

// All that containerd writes takes more than a second. The labels of a root, which name the image
// and tell that it comes from a registry, come long after it is there: the pull is told
// by then, and goes on until it ends.
func TestLabelsThatComeLate(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.daemon.Stop()
	disk := slowdisk.Mount(n, filepath.Join(filepath.Dir(n.daemon.Socket), "root", "io.containerd.metadata.v1.bolt"))
	n.Cleanup(n.daemon.Stop)
	n.daemon.Restart()
	img := n.push("late-labels:1", 1<<20)
	process := n.watch("--idle-interval=250ms", "--poll-interval=250ms")
	disk.Slow(600 * time.Millisecond) // twice for each transaction
	done := n.cri.Start(n.Context(), img.Ref())
	n.wait("the layers to be told", func() bool { return len(n.points("pulltrace.image.layer.count", img)) > 0 })
	disk.Slow(0)
	pull := <-done
	n.mustGoWell(pull)
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, n.servedFor(img))
	n.checkSpans(span, img.Layers, img)
}
