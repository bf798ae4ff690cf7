package e2e

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

// apart is how much later the second of two pulls begins: in the middle of the
// first one.
const apart = 200 * time.Millisecond

// Two images that share layers, the larger first and the smaller first: each
// layer is told by the pull that fetched it.
func TestSharedLayersInEveryOrder(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.registry.SetRate(3_000_000)
	process := n.watch()
	var images []*registry.Image
	for _, largeFirst := range []bool{true, false} {
		first, second := n.sharing(largeFirst)
		images = append(images, first, second)
		running := n.cri.Start(n.Context(), first.Ref())
		time.Sleep(apart)
		pullSecond := n.pull(second)
		pullFirst := <-running
		if pullFirst.Err != nil {
			t.Fatal(pullFirst.Err)
		}
		n.checkOwnSuccess(first, pullFirst)
		n.checkOwnSuccess(second, pullSecond)
	}
	process.Stop()
	n.checkOutcomes(4, 0)
	n.checkDownloadedOnce(images...)
}

// Two images that share layers, and the first pull is given up: the second one
// takes over what the first had begun.
func TestSecondPullTakesOver(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.registry.SetRate(3_000_000)
	process := n.watch()
	for _, largeFirst := range []bool{true, false} {
		first, second := n.sharing(largeFirst)
		pullFirst := n.startFor(first, 1500*time.Millisecond)
		time.Sleep(apart)
		pullSecond := n.pull(second)
		n.waitSpans(first, 1)
		n.checkFailure(first, <-pullFirst, int64(len(first.Layers)))
		n.checkTookOver(second, pullSecond)
	}
	process.Stop()
	n.checkOutcomes(2, 2)
}

// The same, and the first pull fails by a layer of its own.
func TestSecondPullTakesOverFromAFailedOne(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.registry.SetRate(3_000_000)
	first, second := n.sharing(true)
	n.registry.SetFaults(first.Layers[2].Digest, registry.Delay(1200*time.Millisecond), registry.Status(http.StatusNotFound))
	process := n.watch()
	running := n.cri.Start(n.Context(), first.Ref())
	time.Sleep(apart)
	pullSecond := n.pull(second)
	n.waitSpans(first, 1)
	n.checkFailure(first, <-running, int64(len(first.Layers)))
	n.checkTookOver(second, pullSecond)
	process.Stop()
	n.checkOutcomes(1, 1)
}

// The same, and it is the second that is given up, while it waits for the layers
// of the first: the first goes on.
func TestSecondPullGivesUp(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.registry.SetRate(3_000_000)
	process := n.watch()
	for _, largeFirst := range []bool{true, false} {
		first, second := n.sharing(largeFirst)
		running := n.cri.Start(n.Context(), first.Ref())
		time.Sleep(apart)
		pullSecond := <-n.startFor(second, 1300*time.Millisecond)
		pullFirst := <-running
		if pullFirst.Err != nil {
			t.Fatal(pullFirst.Err)
		}
		span := n.waitSpans(second, 1)[0]
		n.checkFailed(span, second, pullSecond, int64(len(second.Layers)))
		n.checkUnseenEnd(span, pullSecond) // it waited and had prepared no snapshot
		n.checkUnfinished(second)
		n.checkOwnSuccess(first, pullFirst)
	}
	process.Stop()
	n.checkOutcomes(2, 2)
}

// Two callers of one image: two spans and one set of gauges, and the bytes are
// there once.
func TestTwoCallersOfOneImage(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.registry.SetRate(3_000_000)
	img := n.push("twice:1", 4<<20, 2<<20)
	process := n.watch()
	first := n.cri.Start(n.Context(), img.Ref())
	time.Sleep(apart)
	pulls := []cri.Pull{{}, n.pull(img)}
	if pulls[0] = <-first; pulls[0].Err != nil {
		t.Fatal(pulls[0].Err)
	}
	n.waitSpans(img, 2)
	process.Stop()
	spans := n.pullSpans(img)
	if len(spans) != 2 {
		t.Fatalf("two callers have %d spans, want 2:\n%s", len(spans), n.trees(spans))
	}
	if spans[0].Start.After(spans[1].Start) {
		spans[0], spans[1] = spans[1], spans[0]
	}
	served := n.registry.Served(img.Blobs()...)
	var told int64
	for i, span := range spans {
		// Nothing tells the registry which caller a request is of.
		own, _ := span.Attributes["pulltrace.pull.bytes.downloaded"].(int64)
		n.checkSuccess(span, img, pulls[i], own)
		told += own
	}
	if told != served {
		t.Errorf("the two pulls fetched %d bytes, the registry served %d", told, served)
	}
	n.checkOutcomes(2, 0)
	n.checkDownloadedOnce(img)

	at := map[time.Time]int{}
	for _, p := range n.points("pulltrace.image.downloaded", img) {
		at[p.Time]++
		if p.Value > float64(img.Size()) {
			t.Errorf("%.0f bytes of %d are told as downloaded", p.Value, img.Size())
		}
	}
	for when, series := range at {
		if series != 1 {
			t.Errorf("%d series of one image at %s", series, when)
		}
	}
}

// sharing makes two images that share their first layers, a large and a small
// one.
func (n *node) sharing(largeFirst bool) (first, second *registry.Image) {
	n.Helper()
	shared := n.layers(3<<20, 2<<20) // which leave a download slot free
	name := map[bool]string{true: "after-large", false: "after-small"}[largeFirst]
	small := n.pushLayers("small-"+name+":1", shared)
	large := n.pushLayers("large-"+name+":1", append(shared[:2:2], n.layers(1<<20)...))
	if largeFirst {
		return large, small
	}
	return small, large
}

// startFor starts a pull whose caller gives up after a time.
func (n *node) startFor(img *registry.Image, patience time.Duration) <-chan cri.Pull {
	ctx, cancel := context.WithTimeout(n.Context(), patience)
	n.Cleanup(cancel)
	return n.cri.Start(ctx, img.Ref())
}

// checkOwnSuccess checks the one span of a good pull, whose bytes are those that
// were served to its repository.
func (n *node) checkOwnSuccess(img *registry.Image, pull cri.Pull) {
	n.Helper()
	spans := n.waitSpans(img, 1)
	if len(spans) != 1 {
		n.Fatalf("%s has %d spans, want 1:\n%s", img.Ref(), len(spans), n.trees(spans))
	}
	n.checkSuccess(spans[0], img, pull, n.servedFor(img))
	n.checkLayersAreOwn(spans[0], img)
}

// checkTookOver checks the one span of a good pull that went on with what another one
// had begun.
func (n *node) checkTookOver(img *registry.Image, pull cri.Pull) {
	n.Helper()
	span := n.waitSpans(img, 1)[0]
	n.checkResumed(span, img, pull, n.servedFor(img))
	n.checkLayersAreOwn(span, img)
}

// checkResumed is checkSuccess for a pull that went on with what an earlier one left.
// What that one wrote as it gave up, a step of containerd's for each layer at most,
// may be told as fetched by the wrong one of the two. The layer then says that its bytes
// are estimated.
func (n *node) checkResumed(span otlp.Span, img *registry.Image, pull cri.Pull, served int64) {
	n.Helper()
	n.record(span, pull, served)
	told, _ := span.Attributes["pulltrace.pull.bytes.downloaded"].(int64)
	var estimated int64
	for _, layer := range n.receiver.Children(span) {
		if isEstimated(layer, "download.bytes") {
			estimated++
		}
	}
	if off := max(told-served, served-told); off > estimated<<20 {
		n.Errorf("the pull of %s fetched %d bytes, the registry served %d; %d layers are estimated", img.Ref(), told, served, estimated)
	}
	n.checkTold("k8s.io", span, img, pull, told)
}

// checkDownloadedOnce holds pulltrace.download.io against what was served for the
// images, which are all that were pulled.
func (n *node) checkDownloadedOnce(images ...*registry.Image) {
	n.Helper()
	var served int64
	for _, img := range images {
		served += n.servedFor(img)
	}
	if told := n.total("pulltrace.download.io"); told != float64(served) {
		n.Errorf("pulltrace.download.io is %.0f, the registry served %d", told, served)
	}
}
