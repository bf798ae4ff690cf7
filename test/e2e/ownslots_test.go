package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/registry"
)

// A pull whose layers are all dead holds as many download slots as there are.
// Up to 2.0 each pull has its own: the next pull is as fast as ever, and only the
// dead one is stalled. From 2.1 they are the daemon's, and the next pull is stalled
// as well: it waits for slots that nobody moves on.
func TestPullBesideADeadOne(t *testing.T) {
	onEachVersion(t, func(n *node) {
		dead := n.push("dead/app:1", 1<<20, 1<<20, 1<<20)
		next := n.push("next/app:1", 1<<20, 1<<20)
		for _, l := range dead.Layers {
			n.registry.SetFaults(l.Digest, registry.StallAt(300_000))
		}
		process := n.watch("--stall-threshold=3s")
		deadDone := n.cri.Start(n.Context(), dead.Ref())
		n.wait("the dead pull to hold its slots", func() bool { return n.layersAsked(dead) == len(dead.Layers) })
		nextDone := n.cri.Start(n.Context(), next.Ref())

		stalled := 2
		if n.tellsNoBlobs() {
			stalled = 1
			pull := <-nextDone
			if pull.Err != nil || pull.End.Sub(pull.Start) > time.Second {
				n.Fatalf("the pull with slots of its own took %s: %v", pull.End.Sub(pull.Start), pull.Err)
			}
			n.checkSuccess(n.waitSpans(next, 1)[0], next, pull, n.servedFor(next))
		}
		n.wait("the stalled pulls", func() bool { return n.stalledPulls() == stalled })
		for _, l := range dead.Layers {
			n.registry.SetFaults(l.Digest)
		}
		pull := <-deadDone
		if pull.Err != nil {
			n.Fatal(pull.Err)
		}
		n.waitSpans(dead, 1)
		if !n.tellsNoBlobs() {
			if pull := <-nextDone; pull.Err != nil {
				n.Fatal(pull.Err)
			}
			n.waitSpans(next, 1)
		}
		n.checkSuccess(n.onlySpan(dead, process), dead, pull, n.servedFor(dead))
	})
}

// stalledPulls is how many pulls were told as stalled last, of whichever registry: a
// pull that waits with its manifest does not tell where it comes from.
func (n *node) stalledPulls() (count int) {
	last := map[string]float64{}
	for _, p := range n.receiver.Points("pulltrace.pull.stalled") {
		last[p.Attributes.String()] = p.Value
	}
	for _, value := range last {
		count += int(value)
	}
	return count
}

// layersAsked counts the layers of an image that the registry was asked for.
func (n *node) layersAsked(img *registry.Image) (count int) {
	for _, req := range n.registry.Requests() {
		if slices.ContainsFunc(img.Layers, func(l *registry.Layer) bool { return l.Digest == req.Digest }) {
			count++
		}
	}
	return count
}
