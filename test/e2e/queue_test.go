package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

// queuedFor is how long a layer waits, at least, that has no download slot.
const queuedFor = clockLimit

// A single image with more layers than containerd has download slots: those that
// wait are queued for longer than a stall takes, and the pull is not stalled.
func TestMoreLayersThanSlots(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.push("many:1", 3<<20, 3<<20, 3<<20, 3<<20, 3<<20, 2<<20, 1<<20)
	n.registry.SetRate(2_000_000)
	process := n.watch("--stall-threshold=3s")
	pull := n.pull(img)
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, n.servedFor(img))
	n.checkTree(span, img.Layers, img)
	queued := 4
	if n.tellsNoBlobs() {
		queued = 0 // a layer that waits has no ingest, and its download begins with that
	}
	n.checkQueued(span, img, queued)
	if n.wasStalled() {
		t.Error("the pull is told as stalled")
	}
	if !n.wasLayerState(img, "queued") {
		t.Error("no layer is told as queued")
	}
}

// A pull whose manifest waits for a slot, behind a pull that moves: it is queued
// for longer than a stall takes, and not stalled.
func TestQueuedBehindAPullThatMoves(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.since("2.1", "download slots that all pulls share")
	front := n.push("front:1", 4<<20, 4<<20, 4<<20)
	behind := n.push("behind:1", 1<<20)
	n.registry.SetRepositoryRate(front.Repository, 2_000_000)
	process := n.watch("--stall-threshold=3s")
	pulls := n.pullBehind(front, behind, nil)
	process.Stop()
	n.checkBehind(front, behind, pulls)
	if n.wasStalled() {
		t.Error("a pull is told as stalled")
	}
	if !n.wasPhase("queued") {
		t.Error("no pull is told as queued")
	}
}

// The same behind a pull that is dead: both are stalled, until it goes on.
func TestQueuedBehindADeadPull(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.since("2.1", "download slots that all pulls share")
	front := n.push("dead:1", 2<<20, 2<<20, 2<<20)
	behind := n.push("behind:1", 1<<20)
	for _, l := range front.Layers {
		n.registry.SetFaults(l.Digest, registry.StallAt(1<<20))
	}
	process := n.watch("--stall-threshold=3s")
	pulls := n.pullBehind(front, behind, func() {
		n.wait("both pulls to be stalled", func() bool { return n.stalledNow() == 2 })
		for _, l := range front.Layers {
			n.registry.SetFaults(l.Digest)
		}
	})
	process.Stop()
	n.checkBehind(front, behind, pulls)
	if stalled := n.stalledNow(); stalled != 0 {
		t.Errorf("%g pulls are told as stalled in the end", stalled)
	}
}

// A caller that gives up while not even its manifest has come: a failed pull whose
// root alone is known. Nothing tells of its end but the poll.
func TestGivenUpBeforeTheManifest(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.since("2.1", "download slots that all pulls share")
	front := n.push("front:1", 4<<20, 4<<20, 4<<20)
	behind := n.push("impatient:1", 1<<20)
	n.registry.SetRepositoryRate(front.Repository, 3_000_000)
	process := n.watch()
	first := n.cri.Start(n.Context(), front.Ref())
	n.waitAsked(front)
	pull := <-n.startFor(behind, 2*time.Second)
	if p := <-first; p.Err != nil {
		t.Fatal(p.Err)
	}
	span := n.onlySpan(behind, process)
	n.record(span, pull, 0)
	n.checkUnseenEnd(span, pull)
	n.checkAttribute(span, "container.image.name", nil)
	n.checkAttribute(span, "pulltrace.pull.outcome", "failure")
	n.checkAttribute(span, "pulltrace.pull.total_known", false)
	n.checkAttribute(span, "pulltrace.pull.bytes.size", nil)
	n.checkAttribute(span, "pulltrace.pull.bytes.downloaded", int64(0))
	if progress := n.points("pulltrace.image.progress", behind); len(progress) != 0 {
		t.Errorf("the progress of an image of unknown size is told as %g", progress[0].Value)
	}
	n.checkLayersAreOwn(span, behind)
}

// pullBehind pulls an image whose layers hold all slots, and then another one,
// whose manifest has to wait for one. Meanwhile may be something to do.
func (n *node) pullBehind(front, behind *registry.Image, meanwhile func()) [2]cri.Pull {
	n.Helper()
	first := n.cri.Start(n.Context(), front.Ref())
	n.waitAsked(front)
	second := n.cri.Start(n.Context(), behind.Ref())
	if meanwhile != nil {
		meanwhile()
	}
	pulls := [2]cri.Pull{<-first, <-second}
	for _, p := range pulls {
		if p.Err != nil {
			n.Fatalf("pulling %s: %v", p.Image, p.Err)
		}
	}
	n.waitSpans(front, 1)
	n.waitSpans(behind, 1)
	return pulls
}

// stalledNow is how many pulls are stalled now, also those whose registry is not
// known since their manifest has not come.
func (n *node) stalledNow() (count float64) {
	last := map[any]float64{}
	for _, p := range n.receiver.Points("pulltrace.pull.stalled") {
		last[p.Attributes["pulltrace.registry"]] = p.Value
	}
	for _, value := range last {
		count += value
	}
	return count
}

// checkBehind checks both spans, and that the second pull's root waited.
func (n *node) checkBehind(front, behind *registry.Image, pulls [2]cri.Pull) {
	n.Helper()
	n.checkOwnSuccess(front, pulls[0])
	n.checkOwnSuccess(behind, pulls[1])
	waited := n.asked(behind, behind.Manifest.Digest.String()).Sub(pulls[1].Start)
	if waited < 3*time.Second {
		n.Errorf("the manifest of %s was asked for after %s, so it did not wait", behind.Ref(), waited)
	}
	n.checkQueueTime(n.pullSpans(front)[0], 0)
	n.checkQueueTime(n.pullSpans(behind)[0], waited)
	for _, img := range []*registry.Image{front, behind} {
		n.checkQueued(n.pullSpans(img)[0], img, 0)
	}
	n.checkOutcomes(2, 0)
}

// checkQueueTime holds how long a pull says that it had no slot against the
// registry: it has asked for the name before it waits, and what comes after the
// manifest may wait for a moment as well.
func (n *node) checkQueueTime(span otlp.Span, waited time.Duration) {
	n.Helper()
	seconds, _ := span.Attributes["pulltrace.pull.time.slot_wait"].(float64)
	if d := time.Duration(seconds*float64(time.Second)) - waited; d < -time.Second || d > time.Second {
		n.Errorf("the pull says that it had no slot for %g s, its manifest waited for %s", seconds, waited)
	}
}

// checkQueued holds the starts of downloads against the registry's requests. At
// least so many layers were queued, and say that their start is estimated.
func (n *node) checkQueued(span otlp.Span, img *registry.Image, atLeast int) {
	n.Helper()
	queued := 0
	for _, layer := range n.receiver.Children(span) {
		for _, step := range n.receiver.Children(layer) {
			if step.Name != "download" {
				continue
			}
			digest := layer.Attributes["pulltrace.layer.digest"]
			off := step.Start.Sub(n.asked(img, digest))
			recordDownload(off)
			if off.Abs() > clockLimit {
				n.Errorf("the download of layer %v starts %s after the registry's GET", layer.Attributes["pulltrace.layer.index"], off)
			}
			if step.Start.Sub(layer.Start) < queuedFor {
				continue
			}
			queued++
			if !isEstimated(layer, "download.start") {
				n.Errorf("layer %v was queued, and does not say that the start of its download is estimated", layer.Attributes["pulltrace.layer.index"])
			}
		}
	}
	if queued < atLeast {
		n.Errorf("%d layers of %s were queued, want at least %d:\n%s", queued, img.Ref(), atLeast, n.receiver.Tree(span))
	}
}

// asked is when the registry was first asked for a blob of an image.
func (n *node) asked(img *registry.Image, digest any) time.Time {
	for _, req := range n.registry.Requests() {
		if req.Repository == img.Repository && req.Digest.String() == digest {
			return req.Start
		}
	}
	return time.Time{}
}

// waitAsked waits until the registry was asked for all layers of an image.
func (n *node) waitAsked(img *registry.Image) {
	n.Helper()
	n.wait("the layers of "+img.Ref()+" to be asked for", func() bool {
		return !slices.ContainsFunc(img.Layers, func(l *registry.Layer) bool { return n.asked(img, l.Digest.String()).IsZero() })
	})
}

// wasLayerState tells whether a layer of an image was ever told in this state.
func (n *node) wasLayerState(img *registry.Image, state string) bool {
	for _, p := range n.points("pulltrace.image.layer.count", img) {
		if p.Attributes["pulltrace.layer.state"] == state && p.Value > 0 {
			return true
		}
	}
	return false
}

// wasPhase tells whether a pull was ever told in this phase.
func (n *node) wasPhase(phase string) bool {
	for _, p := range n.receiver.Points("pulltrace.pull.active") {
		if p.Attributes["pulltrace.pull.phase"] == phase && p.Value > 0 {
			return true
		}
	}
	return false
}
