package e2e

import (
	"os"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/pulltrace"
	"github.com/pulltrace/pulltrace/test/registry"
)

// containerd is killed in the middle of a pull and started again: the pull has
// failed when the CRI call says so. What it leaves for up to 24 hours, a lease
// and ingests, is no pull and does not stall. The retry is a pull.
func TestContainerdKilledInTheMiddleOfAPull(t *testing.T) {
	t.Parallel()
	newNode(t).endContainerdInTheMiddleOfAPull((*containerd.Daemon).Kill, (*containerd.Daemon).Restart, 0)
}

// The same with SIGTERM. containerd throws away what had come, so that the bytes are
// those of the last poll.
func TestContainerdStoppedInTheMiddleOfAPull(t *testing.T) {
	t.Parallel()
	newNode(t).endContainerdInTheMiddleOfAPull((*containerd.Daemon).Stop, (*containerd.Daemon).Restart, bytesOfAPoll)
}

// containerd is stopped in the middle of a pull and another version started in its
// place, whose download slots are the daemon's and no longer each pull's: what it
// was pulling has failed, and the retry is told as that version tells it.
func TestContainerdUpgradedInTheMiddleOfAPull(t *testing.T) {
	containerd.Require(t)
	for _, version := range []string{"2.0", containerd.Newest} { // before the clocks of the tests count
		if _, err := containerd.Build(t.Context(), version); err != nil {
			t.Fatal(err)
		}
	}
	t.Parallel()
	n := newNodeWith(t, containerd.Options{Version: "2.0"})
	upgrade := func(d *containerd.Daemon) { d.RestartAs(containerd.Newest) }
	n.endContainerdInTheMiddleOfAPull((*containerd.Daemon).Stop, upgrade, bytesOfAPoll)
}

// bytesOfAPoll come from one poll to the next, at this rate.
const (
	slowRate     = 3_000_000
	bytesOfAPoll = slowRate
)

// endContainerdInTheMiddleOfAPull ends containerd and starts it again. So many bytes
// may be lost beside those that containerd had not shown.
func (n *node) endContainerdInTheMiddleOfAPull(end, restart func(*containerd.Daemon), lost int64) {
	n.Helper()
	img := n.push("interrupted:1", 1<<20, 8<<20)
	n.registry.SetRate(slowRate)
	process := n.watch("--stall-threshold=3s", "--idle-interval=500ms")

	failed := n.interrupt(img, end)
	served := n.registry.Served(img.Blobs()...)
	restarted := time.Now()
	restart(n.daemon)
	n.waitSource(1, restarted)

	span := n.waitSpans(img, 1)[0]
	n.record(span, failed, served)
	n.checkClock(span, failed)
	n.checkAttribute(span, "pulltrace.pull.outcome", "failure")
	n.checkEstimated(span, "pull.end")
	n.checkEstimated(span, "download.bytes")
	n.checkWithinOneStep(span, served, int64(len(img.Layers)), lost)
	n.checkQuiet(img)

	n.retryInterrupted(img, process, 2)
}

// Pulltrace is started after the crash: it never saw the pull run, and does not
// take what is left of it for one.
func TestStartAfterContainerdWasKilled(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.push("leftover:1", 1<<20, 8<<20)
	n.registry.SetRate(3_000_000)
	n.interrupt(img, (*containerd.Daemon).Kill)
	n.daemon.Restart()

	// At containerd's own socket: the age of that tells when containerd began.
	process := pulltrace.Start(n, pulltrace.Config{
		Socket: n.daemon.Socket, Endpoint: n.receiver.Endpoint(),
		Flags: []string{"--stall-threshold=3s", "--idle-interval=500ms"},
	})
	n.waitSource(1, process.Started)
	n.checkQuiet(img)
	n.retryInterrupted(img, process, 1)
}

// containerd is in trouble, a pull begins, and then containerd is killed: nobody has looked at
// the pull, which began after the last answer. What is left of it is no pull all the same.
func TestContainerdKilledInTrouble(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.leaseIn("zz")
	img := n.push("unlooked:1", 1<<20, 8<<20)
	n.registry.SetRate(slowRate)
	n.watch("--stall-threshold=3s", "--idle-interval=500ms")
	n.proxy.RefuseIn("zz", listResources, codes.Unavailable, 3*time.Second) // a look takes as long
	n.proxy.Cut(subscribe)
	time.Sleep(3 * time.Second)
	const list = "/containerd.services.leases.v1.Leases/List" // with which a look begins
	for looks := n.calls(list); n.calls(list) == looks; {
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(1200 * time.Millisecond) // the event stream has failed again
	done := n.cri.Start(n.Context(), img.Ref())
	time.Sleep(500 * time.Millisecond)
	n.daemon.Kill()
	if failed := <-done; failed.Err == nil {
		t.Fatal("the pull went well, though containerd was killed in its middle")
	}
	restarted := time.Now()
	n.daemon.Restart()
	if err := os.Chtimes(n.proxy.Socket, restarted, restarted); err != nil { // containerd makes its own anew
		t.Fatal(err)
	}
	n.proxy.Mend(listResources)
	n.proxy.Mend(subscribe)
	n.waitSource(1, time.Now())
	n.checkQuiet(img)
}

// interrupt begins a pull, ends containerd in its middle, and returns how the
// CRI call ended.
func (n *node) interrupt(img *registry.Image, end func(*containerd.Daemon)) cri.Pull {
	n.Helper()
	done := n.cri.Start(n.Context(), img.Ref())
	time.Sleep(1500 * time.Millisecond)
	end(n.daemon)
	failed := <-done
	if failed.Err == nil {
		n.Fatal("the pull went well, though containerd ended in its middle")
	}
	return failed
}

// checkQuiet makes sure that for longer than the threshold of 3 s no pull runs
// or is stalled.
func (n *node) checkQuiet(img *registry.Image) {
	n.Helper()
	time.Sleep(time.Second) // for the last sample of the series
	since := time.Now()
	time.Sleep(4 * time.Second)
	for _, metric := range []string{"pulltrace.pull.active", "pulltrace.pull.stalled"} {
		for _, p := range n.receiver.Points(metric) {
			if p.Time.After(since) && p.Value != 0 {
				n.Fatalf("%s is %g with no pull: %s", metric, p.Value, p.Attributes)
			}
		}
	}
	for _, p := range n.points("pulltrace.image.downloaded", img) {
		if p.Time.After(since) {
			n.Fatalf("%s is told with no pull: %g", p.Metric, p.Value)
		}
	}
}

// retryInterrupted pulls an image again, well, and checks that with it so many
// pulls are told.
func (n *node) retryInterrupted(img *registry.Image, process *pulltrace.Process, count int) {
	n.Helper()
	before := n.registry.Served(img.Blobs()...)
	pull := n.pull(img)
	n.waitSpans(img, count)
	process.Stop()
	spans := n.pullSpans(img)
	if len(spans) != count {
		n.Fatalf("%d spans, want %d:\n%s", len(spans), count, n.trees(spans))
	}
	n.checkResumed(spans[count-1], img, pull, n.registry.Served(img.Blobs()...)-before)
}

// checkEstimated makes sure that a span names what was estimated on it.
func (n *node) checkEstimated(span otlp.Span, want string) {
	n.Helper()
	names, _ := span.Attributes["pulltrace.estimated"].([]any)
	if !slices.Contains(names, any(want)) {
		n.Errorf("span %q has estimated %v, want %s in it", span.Name, span.Attributes["pulltrace.estimated"], want)
	}
}
