package e2e

import (
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/pulltrace"
	"github.com/pulltrace/pulltrace/test/registry"
)

// A client is killed in the middle of a pull, and its lease stays for a day. When the
// image is pulled again, that pull goes on with what had come: the first one is
// abandoned, and each byte counts once.
func TestClientKilledInTheMiddleOfAPull(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"pulls by itself":         {"images", "pull", "--local", "--plain-http"},
		"by the transfer service": {"images", "pull", "--plain-http"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			if name == "by the transfer service" {
				n.since("2.0", "plain HTTP in its transfer service")
			}
			img := n.push("killed:1", 12<<20, 1<<20)
			n.registry.SetRate(3_000_000)
			n.registry.SetFaults(img.Layers[0].Digest, registry.StallAt(6<<20))
			process := n.watch("--idle-interval=500ms")
			n.killClient(img, 4*time.Second, args...)
			n.registry.SetFaults(img.Layers[0].Digest)
			n.pullAfterKill(img, process)
		})
	}
}

// takenOver is within what it is seen that another pull writes the ingests of a dead one:
// a poll or two, and the export.
const takenOver = 2500 * time.Millisecond

// killClient runs ctr in the CRI's namespace and kills it after a while.
func (n *node) killClient(img *registry.Image, after time.Duration, args ...string) {
	n.Helper()
	program := n.daemon.Ctr(n.Context(), "k8s.io", append(args, "--snapshotter", n.daemon.Snapshotter, img.Ref())...)
	if err := program.Start(); err != nil {
		n.Fatal(err)
	}
	time.Sleep(after)
	if err := program.Process.Kill(); err != nil {
		n.Fatal(err)
	}
	if err := program.Wait(); err == nil {
		n.Fatal("the program ended well, though it was killed")
	}
	time.Sleep(time.Second) // for containerd to notice
}

// pullAfterKill pulls an image well whose first pull is dead, and checks what is told
// of both.
func (n *node) pullAfterKill(img *registry.Image, process *pulltrace.Process) {
	n.Helper()
	before := n.registry.Served(img.Blobs()...)
	if before < 6<<20 || before >= img.Size() {
		n.Fatalf("the registry had served %d bytes of %d when the client was killed", before, img.Size())
	}
	n.registry.SetRate(1_500_000) // it is to run for longer than it takes to give the dead one up
	pull := n.pull(img)
	served := n.registry.Served(img.Blobs()...)
	if served > img.Size()+2<<20 {
		n.Fatalf("the registry served %d bytes for an image of %d: nothing was resumed", served, img.Size())
	}
	n.waitSpans(img, 1)
	time.Sleep(time.Second)                    // for what is told of it in metrics
	n.checkCountedOnce(img, n.servedAsBlobs()) // ctr fetches the config of another platform, too
	n.waitSpans(img, 2)
	n.checkQuiet(img)
	process.Stop()
	good, others := n.byOutcome(img)
	if len(good) != 1 || len(others) != 1 {
		n.Fatalf("a dead pull and a good one have %d good spans and %d others:\n%s", len(good), len(others), n.trees(n.pullSpans(img)))
	}
	n.checkSuccess(good[0], img, pull, served-before)
	n.checkAbandoned(others[0], before)
	n.checkOnlyActive(pull.Start.Add(takenOver), pull.End)
	n.checkOutcomes(1, 0)
}

// checkOnlyActive makes sure that in a stretch of time never more than one pull was told
// to run.
func (n *node) checkOnlyActive(from, until time.Time) {
	n.Helper()
	active := map[time.Time]float64{} // over all phases
	for _, p := range n.receiver.Points("pulltrace.pull.active") {
		if p.Time.After(from) && p.Time.Before(until) {
			active[p.Time] += p.Value
		}
	}
	if len(active) == 0 {
		n.Error("nothing was told while the pull ran")
	}
	for at, count := range active {
		if count != 1 {
			n.Errorf("%g pulls are told to run %s after the dead one was to be given up, want 1", count, at.Sub(from))
			return
		}
	}
}

// checkAbandoned checks the span of a pull that nobody drives any more.
func (n *node) checkAbandoned(span otlp.Span, served int64) {
	n.Helper()
	n.checkAttribute(span, "pulltrace.pull.outcome", "unknown")
	n.checkAttribute(span, "error.type", "abandoned")
	n.checkEstimated(span, "pull.end")
	n.checkWithinOneStep(span, served, 2, inFlight)
	if span.Status == tracepb.Status_STATUS_CODE_ERROR {
		n.Errorf("an abandoned pull has status %s", span.Status)
	}
}

// checkCountedOnce checks that the bytes of an image are those that were served, up to
// containerd's step of 1 MiB, and that its progress has stayed in bounds.
func (n *node) checkCountedOnce(img *registry.Image, served int64) {
	n.Helper()
	if off := float64(served) - n.total("pulltrace.download.io"); off < 0 || off > 1<<20 {
		n.Errorf("pulltrace.download.io is %.0f, the registry served %d", n.total("pulltrace.download.io"), served)
	}
	for _, p := range n.points("pulltrace.image.progress", img) {
		if p.Value > 1 {
			n.Errorf("progress has reached %g", p.Value)
			break
		}
	}
	if wasted := n.total("pulltrace.download.wasted"); wasted != 0 {
		n.Errorf("%.0f bytes are told as wasted, all were used", wasted)
	}
}
