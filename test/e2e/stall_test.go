package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/pulltrace"
	"github.com/pulltrace/pulltrace/test/registry"
)

// The threshold of most of these tests is 3 s, so that a stall takes seconds.
const shortThreshold = "--stall-threshold=3s"

// A pull whose only layer stands still for 7 s and goes on: it is stalled from
// 3 s after its last byte until it goes on, and ends well.
func TestStalledThenGoesOn(t *testing.T) {
	t.Parallel()
	newNode(t).stallAndGoOn(3*time.Second, 7*time.Second, shortThreshold)
}

// The same by the clock of every day: 70 s, and the threshold of 60 s that is the
// default.
func TestStalledForMoreThanAMinute(t *testing.T) {
	t.Parallel()
	newNode(t).stallAndGoOn(time.Minute, 70*time.Second)
}

func (n *node) stallAndGoOn(threshold, still time.Duration, flags ...string) {
	n.Helper()
	img := n.push("stalls:1", 12<<20) // the rest takes some polls
	n.registry.SetRate(3_000_000)
	n.registry.SetFaults(img.Layers[0].Digest, registry.StallAt(3<<20))
	process := n.watch(flags...)
	done := n.cri.Start(n.Context(), img.Ref())
	time.Sleep(time.Second + still) // a second for the bytes until then
	resumed := time.Now()
	n.registry.SetFaults(img.Layers[0].Digest)
	pull := <-done
	n.mustGoWell(pull)
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, n.registry.Served(img.Blobs()...))
	n.checkTree(span, img.Layers, img)

	last := n.lastServedBefore(img, 3<<20)
	from, to := n.stalledSpell()
	if d := from.Sub(last); d < threshold || d > threshold+2*time.Second {
		n.Errorf("stalled from %s after the last byte on, want %s and a poll", d, threshold)
	}
	if d := to.Sub(resumed); d > 2*time.Second {
		n.Errorf("stalled until %s after it went on, want a poll", d)
	}
	if peak := n.longestIdle(img); peak < still.Seconds()-3 || peak > still.Seconds()+1 {
		n.Errorf("idle time has reached %g s, it stood still for about %s", peak, still)
	}
	n.checkStall(span, threshold, last, resumed)
}

// A pull that has stood still for longer than the threshold when Pulltrace starts:
// it is stalled from the first look on, and for as long as it is idle in truth.
func TestStalledPullMetInItsMiddle(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.push("stalled-before:1", 6<<20)
	n.registry.SetRate(3_000_000)
	n.registry.SetFaults(img.Layers[0].Digest, registry.StallAt(3<<20))
	done := n.cri.Start(t.Context(), img.Ref())
	time.Sleep(6 * time.Second)
	process := n.watch(shortThreshold)
	n.wait("the pull to be told", func() bool { return len(n.points("pulltrace.image.idle_time", img)) > 0 })
	first := n.points("pulltrace.image.idle_time", img)[0]
	still := first.Time.Sub(n.lastServedBefore(img, 3<<20)).Seconds()
	if off := first.Value - still; off < -2 || off > 1 { // what was asked for a poll before is told
		t.Errorf("idle time is told as %g s at first, it has stood still for %g s", first.Value, still)
	}
	if from, _ := n.stalledSpell(); from.Sub(process.Started) > 2*time.Second {
		t.Errorf("stalled from %s after the start of Pulltrace on", from.Sub(process.Started))
	}
	n.registry.SetFaults(img.Layers[0].Digest)
	pull := <-done
	n.mustGoWell(pull)
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, n.registry.Served(img.Blobs()...))
	n.checkTree(span, img.Layers, img)
}

// lastServedBefore is about when the layer that stalls had reached its offset:
// when the request for it had come, and the time that the bytes take.
func (n *node) lastServedBefore(img *registry.Image, offset int64) time.Time {
	for _, req := range n.registry.Requests() {
		if req.Digest == img.Layers[0].Digest {
			return req.Start.Add(time.Duration(float64(offset) / 3_000_000 * float64(time.Second)))
		}
	}
	n.Fatal("the layer was not asked for")
	return time.Time{}
}

// stalledSpell is when pulltrace.pull.stalled was first and last told as 1.
func (n *node) stalledSpell() (from, to time.Time) {
	n.Helper()
	for _, p := range n.stalledPoints() {
		if p.Value == 0 {
			continue
		}
		if from.IsZero() {
			from = p.Time
		}
		to = p.Time
	}
	if from.IsZero() {
		n.Fatal("no pull was told as stalled")
	}
	return from, to
}

func (n *node) stalledPoints() []otlp.Point { return n.receiver.Points("pulltrace.pull.stalled") }

// neverStalled makes sure that no pull was told as stalled.
func (n *node) neverStalled() {
	n.Helper()
	for _, p := range n.stalledPoints() {
		if p.Value != 0 {
			n.Fatalf("a pull was told as stalled: %s", p.Attributes)
		}
	}
}

func (n *node) longestIdle(img *registry.Image) (peak float64) {
	for _, p := range n.points("pulltrace.image.idle_time", img) {
		peak = max(peak, p.Value)
	}
	return peak
}

// A pull that stands still for good is stalled until its client cancels it, and
// is then a failure that fires no more.
func TestStalledForGood(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.push("dead:1", 6<<20)
	n.registry.SetRate(3_000_000)
	n.registry.SetFaults(img.Layers[0].Digest, registry.StallAt(3<<20))
	process := n.watch(shortThreshold)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := n.cri.Start(ctx, img.Ref())
	n.wait("the pull to be stalled", func() bool {
		points := n.stalledPoints()
		return len(points) > 0 && points[len(points)-1].Value == 1
	})
	cancel()
	failed := <-done
	span := n.waitSpans(img, 1)[0]
	served := n.registry.Served(img.Blobs()...)
	n.record(span, failed, served)
	n.checkClock(span, failed)
	n.checkAttribute(span, "pulltrace.pull.outcome", "failure")
	n.checkWithinOneStep(span, served, 1, 0)
	n.checkQuiet(img)
	process.Stop()
}

// checkWithinOneStep checks that what is told of an unfinished pull is at most
// containerd's step of 1 MiB for each open layer off what was served, and what was
// lost.
func (n *node) checkWithinOneStep(span otlp.Span, served, open, lost int64) {
	n.Helper()
	told, _ := span.Attributes["pulltrace.pull.bytes.downloaded"].(int64)
	if off := served - told; off < 0 || off > open<<20+lost {
		n.Errorf("%d bytes are told, the registry served %d", told, served)
	}
}

// A registry that takes 5 s for the first byte of a layer: nothing came for
// longer than the threshold, so the pull is stalled until then.
func TestSlowFirstByte(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.push("slow-first:1", 2<<20)
	n.registry.SetRate(3_000_000)
	n.registry.SetFaults(img.Layers[0].Digest, registry.Delay(5*time.Second))
	process := n.watch(shortThreshold)
	pull := n.pull(img)
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, n.registry.Served(img.Blobs()...))
	n.checkTree(span, img.Layers, img)
	n.stalledSpell()
}

// One layer stands still while others move: the pull is not stalled.
func TestOneLayerStalledWhileOthersMove(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.push("one-stalls:1", 2<<20, 12<<20)
	n.registry.SetRate(2_000_000)
	n.registry.SetFaults(img.Layers[0].Digest, registry.StallAt(1<<20))
	process := n.watch(shortThreshold)
	done := n.cri.Start(t.Context(), img.Ref())
	time.Sleep(5 * time.Second)
	n.registry.SetFaults(img.Layers[0].Digest)
	n.mustGoWell(<-done)
	n.onlySpan(img, process)
	n.neverStalled()
}

func (n *node) mustGoWell(pull cri.Pull) {
	n.Helper()
	if pull.Err != nil {
		n.Fatalf("pulling %s: %v", pull.Image, pull.Err)
	}
}

// Unpacking takes much longer than the download: the span says so.
func TestUnpackMuchLongerThanDownload(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.pushLayers("unpack:1", n.manyFiles(60_000))
	process := n.watch()
	pull := n.pull(img)
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, img.Size())
	n.checkTree(span, img.Layers, img)
	download, _ := span.Attributes["pulltrace.pull.time.download"].(float64)
	unpack, _ := span.Attributes["pulltrace.pull.time.unpack"].(float64)
	took := pull.End.Sub(pull.Start).Seconds()
	if unpack < took/2 || unpack < 4*download || download+unpack > took {
		t.Errorf("of %.2f s, %.2f s are told as download and %.2f s as unpack", took, download, unpack)
	}
}

// A pull that goes on with what an earlier one left in an open ingest has
// fetched only what the registry served it.
func TestResumeOfALeftoverIngest(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.push("resumes:1", 8<<20)
	n.registry.SetRate(3_000_000)
	n.registry.SetFaults(img.Layers[0].Digest, registry.StallAt(5<<20))
	n.interruptStalled(img)
	n.daemon.Restart()
	n.registry.SetFaults(img.Layers[0].Digest)
	process := n.watch("--idle-interval=500ms")
	before := n.registry.Served(img.Blobs()...)
	pull := n.pull(img)
	span := n.resumedSpan(img, process)
	served := n.registry.Served(img.Blobs()...) - before
	if served >= img.Size() {
		t.Fatalf("the registry served all %d bytes again: nothing was resumed", served)
	}
	n.checkSuccess(span, img, pull, served)
}

// The same without events, so that it is first seen when it has gone on: what was
// there is known from before, and the layer says that this is inferred.
func TestResumeSeenLate(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.proxy.Cut(subscribe)
	img := n.push("resumes-late:1", 28<<20)
	n.registry.SetFaults(img.Layers[0].Digest, registry.StallAt(5<<20))
	n.interruptStalled(img)
	n.daemon.Restart()
	process := n.watch("--idle-interval=1s")
	time.Sleep(1500 * time.Millisecond)
	n.registry.SetRate(8_000_000)
	n.registry.SetFaults(img.Layers[0].Digest)
	before := n.registry.Served(img.Blobs()...)
	pull := n.pull(img)
	span := n.resumedSpan(img, process)
	n.checkSuccess(span, img, pull, n.registry.Served(img.Blobs()...)-before)
	for _, layer := range n.receiver.Children(span) {
		if layer.Name == "layer" {
			n.checkEstimated(layer, "download.bytes")
		}
	}
}

// resumedSpan is the span of a pull that went well, after one that containerd has left
// behind: behind the proxy of the suite, its age does not show, so it is reported as abandoned.
func (n *node) resumedSpan(img *registry.Image, process *pulltrace.Process) otlp.Span {
	n.Helper()
	n.waitSpans(img, 1)
	process.Stop()
	good, others := n.byOutcome(img)
	if len(good) != 1 || len(others) != 1 || others[0].Attributes["error.type"] != "abandoned" {
		n.Fatalf("%s has %d good spans and %d others, want one and an abandoned one:\n%s", img.Ref(), len(good), len(others), n.trees(n.pullSpans(img)))
	}
	return good[0]
}

// interruptStalled begins a pull of an image that stalls, and kills containerd
// once its bytes are there.
func (n *node) interruptStalled(img *registry.Image) {
	n.Helper()
	done := n.cri.Start(n.Context(), img.Ref())
	time.Sleep(2500 * time.Millisecond)
	n.daemon.Kill()
	if pull := <-done; pull.Err == nil {
		n.Fatal("the pull went well, though containerd was killed in its middle")
	}
}
