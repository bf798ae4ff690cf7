package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	versionapi "github.com/containerd/containerd/api/services/version/v1"
	"google.golang.org/protobuf/proto"

	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/registry"
)

// A pull has its root, and then the layers of another pull take all slots before it asks
// for its manifest. That waits for as long as a stall takes, behind a pull that moves:
// the pull is queued, and not stalled.
func TestManifestQueuedBehindAPullThatMoves(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.since("2.1", "download slots that all pulls share")
	front := n.push("front:1", 5<<20, 5<<20, 5<<20, 5<<20)
	behind := n.push("behind:1", 1<<20)
	n.registry.SetRepositoryRate(front.Repository, 2_500_000)
	n.registry.SetFaults(behind.Root.Digest, registry.Delay(1500*time.Millisecond), registry.On(http.MethodGet))
	process := n.watch(shortThreshold)
	second := n.cri.Start(n.Context(), behind.Ref())
	time.Sleep(500 * time.Millisecond)
	first := n.cri.Start(n.Context(), front.Ref())
	pulls := [2]cri.Pull{<-first, <-second}
	for _, p := range pulls {
		n.mustGoWell(p)
	}
	n.waitSpans(front, 1)
	n.waitSpans(behind, 1)
	process.Stop()
	n.checkOwnSuccess(front, pulls[0])
	n.checkOwnSuccess(behind, pulls[1])
	waited := n.asked(behind, behind.Manifest.Digest.String()).Sub(pulls[1].Start.Add(1500 * time.Millisecond))
	if waited < 3*time.Second {
		t.Fatalf("the manifest was asked for %s after the root had come, so it did not wait", waited)
	}
	n.checkQueueTime(n.pullSpans(behind)[0], waited)
	if n.wasStalled() {
		t.Error("a pull is told as stalled")
	}
	if !n.wasPhase("queued") {
		t.Error("no pull is told as queued")
	}
}

// containerd downloads more at once than pulltrace was said: the log has one warning
// that names the flag, and the downloads start when they did.
func TestMoreSlotsThanTheFlagSays(t *testing.T) {
	t.Parallel()
	n := newNodeWith(t, containerd.Options{Images: "max_concurrent_downloads = 20"})
	n.since("2.1", "download slots that all pulls share: the flag says nothing of it")
	img := n.push("slots:1", 3<<20, 3<<20, 3<<20, 3<<20, 3<<20, 3<<20)
	n.registry.SetRate(3_000_000)
	process := n.watch()
	pull := n.pull(img)
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, n.registry.Served(img.Blobs()...))
	n.checkTree(span, img.Layers, img)
	for _, l := range img.Layers {
		if late := n.asked(img, l.Digest.String()).Sub(pull.Start); late > time.Second {
			t.Fatalf("a layer was asked for after %s: containerd has not got the slots that it was to have", late)
		}
	}
	n.checkStarts(span, false)
	n.checkQueueTime(span, 0)
	warnings := 0
	for line := range strings.Lines(process.Output()) {
		if strings.Contains(line, "WARN") && strings.Contains(line, "max-concurrent-downloads") {
			warnings++
		}
	}
	if warnings != 1 {
		t.Errorf("%d lines of the log warn of the flag, want 1", warnings)
	}
}

// A packager's version of 2.1: it has the slots of 2.1, and is told as it names itself.
func TestVersionOfAPackager(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.since("2.1", "download slots that all pulls share")
	const packaged = "2.1.4~ds1"
	n.proxy.Rewrite("/containerd.services.version.v1.Version/Version", func(message []byte) []byte {
		var version versionapi.VersionResponse
		if err := proto.Unmarshal(message, &version); err != nil {
			t.Error(err)
		}
		version.Version = packaged
		out, err := proto.Marshal(&version)
		if err != nil {
			t.Error(err)
		}
		return out
	})
	img := n.push("packaged:1", 2<<20, 2<<20, 2<<20, 2<<20, 2<<20, 2<<20)
	n.registry.SetRate(3_000_000)
	process := n.watch()
	pull := n.pull(img)
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, n.servedFor(img))
	n.checkTree(span, img.Layers, img)
	n.checkQueued(span, img, 3)
	if !n.wasLayerState(img, "queued") {
		t.Error("no layer is told as queued")
	}
	if told := span.Resource["container.runtime.version"]; told != packaged {
		t.Errorf("the version is told as %v, it is %s", told, packaged)
	}
}
