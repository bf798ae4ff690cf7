package e2e

import (
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/pulltrace"
)

// SIGTERM in the middle of a pull, and a start in the middle of the same pull:
// exactly one span, with the true start. A pull that ended before is not told
// again.
func TestStopAndStartInTheMiddleOfAPull(t *testing.T) {
	onEachVersion(t, func(n *node) { n.endInTheMiddleOfAPull((*pulltrace.Process).Stop) })
}

// The same with a crash instead of SIGTERM.
func TestKillAndStartInTheMiddleOfAPull(t *testing.T) {
	t.Parallel()
	newNode(t).endInTheMiddleOfAPull((*pulltrace.Process).Kill)
}

func (n *node) endInTheMiddleOfAPull(end func(*pulltrace.Process)) {
	n.Helper()
	early := n.push("early:1", 1<<20)
	img := n.push("late:1", 2<<20, 6<<20, 4<<20)
	process := n.watch()
	n.pull(early)
	n.waitSpans(early, 1)

	n.registry.SetRate(2_000_000)
	done := n.cri.Start(n.Context(), img.Ref())
	time.Sleep(2 * time.Second)
	end(process)
	if got := n.pullSpans(img); len(got) != 0 {
		n.Fatalf("a pull that still runs was told as ended:\n%s", n.trees(got))
	}
	time.Sleep(500 * time.Millisecond)
	process = n.watch()

	pull := <-done
	if pull.Err != nil {
		n.Fatal(pull.Err)
	}
	if !pull.End.After(process.Started.Add(time.Second)) {
		n.Fatalf("the pull ended %s after the second start: it did not see its middle", pull.End.Sub(process.Started))
	}
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, n.registry.Served(img.Blobs()...))
	n.checkTree(span, img.Layers, img)
	if again := n.pullSpans(early); len(again) != 1 {
		n.Errorf("the pull that ended before has %d spans, want 1:\n%s", len(again), n.trees(again))
	}
}

// SIGTERM as soon as a pull has returned: it is told all the same, and the next
// process does not tell it again.
func TestStopRightAfterAPull(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.push("last:1", 1<<20)
	process := n.watch()
	pull := n.pull(img)
	process.Stop()
	n.watch()
	spans := n.pullSpans(img)
	if len(spans) != 1 {
		t.Fatalf("the pull has %d spans, want 1", len(spans))
	}
	n.checkSuccess(spans[0], img, pull, img.Size())
}

// containerd is not there when pulltrace starts, comes, goes and comes again.
// pulltrace says so, and tells of the pulls in between. They last a while, for
// the event stream may come back later than the answers to polls.
func TestContainerdComesAndGoes(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.registry.SetRate(1_000_000)
	n.daemon.Stop()
	process := n.start("--idle-interval=500ms")
	n.waitSource(0, process.Started)
	for _, name := range []string{"first:1", "second:1"} {
		n.daemon.Restart()
		n.waitSource(1, time.Now())
		img := n.push(name, 2<<20)
		pull := n.pull(img)
		n.checkSuccess(n.waitSpans(img, 1)[0], img, pull, img.Size())
		n.daemon.Stop()
		n.waitSource(0, time.Now())
	}
}
