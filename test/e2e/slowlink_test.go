package e2e

import (
	"math"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/test/registry"
)

// A slow link that three layers share: containerd shows of each a step of 1 MiB every
// seven seconds, which is longer than the threshold. The pull moves all the time. Once
// the first step has shown its pace, it is not stalled, and its rate is that of the
// link.
func TestSlowLink(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	const rate = 450_000
	img := n.push("slow:1", 3<<20, 3<<20, 3<<20)
	n.registry.SetRate(rate)
	process := n.watch("--stall-threshold=5s")
	pull := n.pull(img)
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, n.registry.Served(img.Blobs()...))
	n.checkTree(span, img.Layers, img)

	stepped := n.firstStep(img)
	if took := stepped.Sub(pull.Start); took < 6*time.Second || took > 10*time.Second {
		t.Fatalf("the first step was seen after %s, the link was to take seven seconds for it", took)
	}
	until := pull.End.Add(-time.Second)
	for _, p := range n.stalledPoints() {
		if p.Value != 0 && p.Time.After(stepped.Add(2*time.Second)) && p.Time.Before(until) {
			t.Errorf("the pull is told as stalled %s after its start", p.Time.Sub(pull.Start))
			break
		}
	}
	n.checkRates(img, rate, stepped.Add(2*time.Second), until)
	n.checkRemaining(img, stepped.Add(2*time.Second), pull.End)
}

// checkRates holds each rate that was told in a stretch of time against that of the link.
func (n *node) checkRates(img *registry.Image, rate float64, from, until time.Time) {
	n.Helper()
	told, wrong, least, most := 0, 0, math.Inf(1), 0.0
	for _, p := range n.points("pulltrace.image.rate", img) {
		if p.Time.Before(from) || p.Time.After(until) {
			continue
		}
		told++
		least, most = min(least, p.Value), max(most, p.Value)
		if p.Value < 0.8*rate || p.Value > 1.2*rate {
			wrong++
		}
	}
	if told == 0 || wrong > 0 {
		n.Errorf("%d of %d rates are wrong: they are from %.0f to %.0f, the link has %.0f", wrong, told, least, most, rate)
	}
}

// firstStep is when more of an image was first told than its config: the first MiB of a
// layer.
func (n *node) firstStep(img *registry.Image) time.Time {
	n.Helper()
	for _, p := range n.points("pulltrace.image.downloaded", img) {
		if p.Value >= 1<<20 {
			return p.Time
		}
	}
	n.Fatal("not one MiB was told before the end")
	return time.Time{}
}

// checkRemaining holds the time left, as it was told, against when the pull ended. It
// may be off by a quarter and by one step of 1 MiB.
func (n *node) checkRemaining(img *registry.Image, from, end time.Time) {
	n.Helper()
	const step = 7 * time.Second
	told, wrong, worst := 0, 0, time.Duration(0)
	for _, p := range n.points("pulltrace.image.remaining_time", img) {
		if p.Time.Before(from) || p.Time.After(end.Add(-time.Second)) {
			continue
		}
		told++
		left := end.Sub(p.Time)
		off := (time.Duration(p.Value*float64(time.Second)) - left).Abs()
		worst = max(worst, off)
		if off > step+left/4 {
			wrong++
		}
	}
	if told == 0 || wrong > 0 {
		n.Errorf("%d of %d times left are wrong, by %s at most", wrong, told, worst)
	}
}

// The connection breaks in the middle of a layer, and the registry serves it from its
// start again, whatever is asked for: what comes twice is thrown away by containerd,
// and nobody can see it. The layer says that its bytes are estimated.
func TestRegistryThatIgnoresRange(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.push("whole:1", 15<<20)
	layer := img.Layers[0].Digest
	n.registry.SetRate(3_000_000)
	n.registry.SetFaults(layer, registry.CutAt(12<<20), registry.IgnoreRange())
	process := n.watch()
	done := n.cri.Start(n.Context(), img.Ref())
	for n.requests(layer) < 2 && time.Since(process.Started) < arrivalLimit {
		time.Sleep(20 * time.Millisecond)
	}
	n.registry.SetFaults(layer, registry.IgnoreRange())
	pull := <-done
	n.mustGoWell(pull)
	if served := n.registry.Served(layer); served < img.Layers[0].Size+12<<20 {
		t.Fatalf("the registry served %d bytes of a layer of %d that it was to serve twice", served, img.Layers[0].Size)
	}
	span := n.onlySpan(img, process)
	n.record(span, pull, img.Size())
	n.checkTold("k8s.io", span, img, pull, img.Size())
	n.checkTree(span, img.Layers, img)
	n.checkEstimated(span, "download.bytes")
	for _, child := range n.receiver.Children(span) {
		if child.Name == "layer" {
			n.checkEstimated(child, "download.bytes")
		}
	}
	n.neverStalled()
}

// requests is how often the registry was asked for a digest.
func (n *node) requests(blob digest.Digest) (count int) {
	for _, r := range n.registry.Requests() {
		if r.Digest == blob {
			count++
		}
	}
	return count
}
