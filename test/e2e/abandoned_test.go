package e2e

import (
	"io"
	"slices"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

// A client is killed in mid-pull and leaves its lease and its ingest. The next pull goes on
// with it, and is over before any look finds it writing. All that was served counts once.
func TestPullAfterAKilledClientIsOverAtOnce(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"ctr images pull --local":                 {"images", "pull", "--local"},
		"ctr images pull by the transfer service": {"images", "pull"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newNode(t).killTheClient(args...)
		})
	}
}

func (n *node) killTheClient(args ...string) {
	n.Helper()
	img := n.push("killed:1", 6<<20, 1<<20)
	n.registry.SetFaults(img.Layers[0].Digest, registry.StallAt(4<<20))
	process := n.watch("--stall-threshold=1s")
	args = append(args, "--plain-http", "--snapshotter", n.daemon.Snapshotter, img.Ref())
	ctr := n.daemon.Ctr(n.Context(), "default", args...)
	ctr.Stdout, ctr.Stderr = io.Discard, io.Discard
	if err := ctr.Start(); err != nil {
		n.Fatal(err)
	}
	n.wait("the pull to stall", func() bool { return len(n.eventsNamed("pulltrace.pull.stalled", img)) > 0 })
	if err := ctr.Process.Kill(); err != nil {
		n.Fatal(err)
	}
	_ = ctr.Wait() // it was killed
	killed := time.Now()
	time.Sleep(2 * time.Second)
	n.registry.SetFaults(img.Layers[0].Digest)
	n.ctr("default", args...)
	n.waitSpans(img, 2)
	process.Stop()

	spans := n.pullSpans(img)
	if len(spans) != 2 {
		n.Fatalf("%d spans, want 2:\n%s", len(spans), n.trees(spans))
	}
	dead, good := spans[0], spans[1]
	if good.Attributes["pulltrace.pull.outcome"] != "success" {
		dead, good = good, dead
	}
	n.checkAttribute(good, "pulltrace.pull.outcome", "success")
	n.checkAttribute(dead, "pulltrace.pull.outcome", "unknown")
	n.checkAttribute(dead, "error.type", "abandoned")
	n.checkEstimated(dead, "pull.end")
	if wasted, told := dead.Attributes["pulltrace.pull.bytes.wasted"]; told || dead.Status != tracepb.Status_STATUS_CODE_UNSET || dead.End.After(killed.Add(clockLimit)) {
		n.Errorf("the dead pull has status %s, %v bytes wasted, and ends %s after its client", dead.Status, wasted, dead.End.Sub(killed))
	}
	first, _ := dead.Attributes["pulltrace.pull.bytes.downloaded"].(int64)
	second, _ := good.Attributes["pulltrace.pull.bytes.downloaded"].(int64)
	served := n.servedFor(img)
	n.Logf("%d and %d bytes downloaded, image of %d, %d served", first, second, img.Size(), served)
	if first < 3<<20 || first+second != img.Size() || served < img.Size() {
		n.Errorf("the pulls fetched %d and %d bytes of an image of %d; the registry served %d", first, second, img.Size(), served)
	}
	if told := n.total("pulltrace.download.io"); told != float64(first+second) {
		n.Errorf("pulltrace.download.io is %.0f, want %d", told, first+second)
	}
	for _, p := range n.points("pulltrace.image.progress", img) {
		if p.Value > 1 {
			n.Errorf("progress %g", p.Value)
		}
	}
	if got := n.eventsNamed("pulltrace.pull.abandoned", img); len(got) != 1 {
		n.Errorf("%d events of its end, want 1", len(got))
	}
	for _, p := range n.receiver.Points("pulltrace.pull.duration") {
		if p.Attributes["pulltrace.pull.outcome"] != "success" {
			n.Errorf("a duration of a pull that ended %v is told", p.Attributes["pulltrace.pull.outcome"])
		}
	}
}

// eventsNamed are the lifecycle events of one name that are of an image.
func (n *node) eventsNamed(name string, img *registry.Image) []otlp.Event {
	return slices.DeleteFunc(n.receiver.Events(name), func(e otlp.Event) bool {
		return e.Attributes["oci.manifest.digest"] != img.Root.Digest.String()
	})
}
