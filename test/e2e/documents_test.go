package e2e

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/registry"
)

// An index in an index: what the inner one leads to is what is pulled, with its layers,
// sizes and bytes.
func TestIndexInAnIndex(t *testing.T) {
	t.Parallel()
	for name, platform := range map[string]*ocispec.Platform{
		"with a platform":    {OS: "linux", Architecture: runtime.GOARCH},
		"without a platform": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			img := n.pushAs("nested:1", n.layers(8<<20, 7<<20), registry.Nested(platform))
			n.registry.SetRate(3_000_000)
			process := n.watch(shortThreshold)
			pull := n.pull(img)
			span := n.onlySpan(img, process)
			n.checkSuccess(span, img, pull, n.registry.Served(img.Blobs()...))
			n.checkTree(span, img.Layers, img)
			n.checkGauges(img, pull.End.Sub(pull.Start), true)
			n.neverStalled()
		})
	}
}

// A manifest that is just within containerd's own limit is read as any other.
func TestLargeManifest(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.pushAs("large:1", n.layers(8<<20, 7<<20), registry.SingleManifest(), registry.Annotated(4_290_000))
	n.shapeLayers(img, 3_000_000)
	process := n.watch(shortThreshold)
	pull := n.untilRecorded(n.pull(img), img)
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, n.registry.Served(img.Blobs()...))
	n.checkTree(span, img.Layers, img)
	n.checkGauges(img, pull.End.Sub(pull.Start), true)
	n.neverStalled()
}

// untilRecorded is the call without what the CRI does once the image has its record: it
// reads the manifest again for each further record, which takes its time if that is large.
func (n *node) untilRecorded(call cri.Pull, img *registry.Image) cri.Pull {
	n.Helper()
	record, err := n.client("k8s.io").ImageService().Get(n.Context(), img.Ref())
	if err != nil {
		n.Fatal(err)
	}
	n.Logf("the call ended %s after the record was made", call.End.Sub(record.CreatedAt))
	call.End = record.CreatedAt
	return call
}

// A manifest below an index may be larger than that: its pull moves and counts what
// comes, and the total is known or said to be unknown.
func TestManifestThatIsTooLarge(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.pushAs("too-large:1", n.layers(8<<20, 7<<20), registry.Annotated(5<<20))
	n.shapeLayers(img, 3_000_000)
	process := n.watch(shortThreshold)
	pull := n.untilRecorded(n.pull(img), img)
	span := n.onlySpan(img, process)
	served := n.registry.Served(img.Blobs()...)
	n.record(span, pull, served)
	n.checkClock(span, pull)
	n.checkAttribute(span, "container.image.name", img.Name())
	n.checkAttribute(span, "pulltrace.pull.outcome", "success")
	n.checkAttribute(span, "pulltrace.pull.bytes.downloaded", served)
	if known := span.Attributes["pulltrace.pull.total_known"]; known == true {
		n.checkAttribute(span, "pulltrace.pull.bytes.size", img.Size())
	} else {
		n.checkAttribute(span, "pulltrace.pull.total_known", false)
		n.checkAttribute(span, "pulltrace.pull.bytes.size", nil)
	}
	if told := n.total("pulltrace.download.io"); told != float64(served) {
		t.Errorf("pulltrace.download.io is %.0f, the registry served %d", told, served)
	}
	if moved := steps(n.points("pulltrace.image.downloaded", img)); moved < 2 {
		t.Errorf("the bytes of a pull of %s moved in %d steps", pull.End.Sub(pull.Start), moved)
	}
	if !n.wasPhase("downloading") {
		t.Error("the pull was never told as downloading")
	}
	n.neverStalled()
}

// shapeLayers limits the layers of an image together, and not its manifest.
func (n *node) shapeLayers(img *registry.Image, bytesPerSecond int) {
	for _, l := range img.Layers {
		n.registry.SetDigestRate(l.Digest, bytesPerSecond/len(img.Layers))
	}
}

// A config whose media type says nothing, as some tools write it. containerd's client
// fetches such an image, and records it under a manifest that it makes of the one that it
// fetched. Up to 2.0 nothing but a poll sees a pull that only fetches before its record.
func TestConfigOfAnyType(t *testing.T) {
	onEachVersion(t, func(n *node) {
		img := n.pushAs("any-config:1", n.layersOf(3<<20, dockerLayer), registry.SingleManifest(), registry.ConfigType("application/octet-stream"))
		n.registry.SetRate(1_500_000)
		process := n.watch("--idle-interval=500ms")
		pull := n.clientPull(img)
		span := n.onlySpan(img, process)
		n.checkSuccessIn("default", span, img, pull, n.registry.Served(img.Blobs()...))
		n.checkDownloads(span, img)
	})
}

// A manifest of more layers than are reported one by one: their bytes are in the sums, which
// say that they are estimated.
func TestManifestOfManyLayers(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	const layers, one = 1_100, 2_048
	img := n.push("many-layers:1", slices.Repeat([]int64{one}, layers)...)
	process := n.watch()
	pull := n.clientPull(img)
	if pull.Err != nil {
		t.Fatal(pull.Err)
	}
	span := n.onlySpan(img, process)
	n.checkAttribute(span, "pulltrace.pull.outcome", "success")
	n.checkAttribute(span, "pulltrace.pull.layer.count", int64(layers))
	n.checkAttribute(span, "pulltrace.pull.bytes.size", img.Size())
	n.checkAttribute(span, "pulltrace.pull.bytes.downloaded", n.registry.Served(img.Blobs()...))
	n.checkEstimated(span, "download.bytes")
	if late := span.End.Sub(pull.End).Abs(); late > 2*time.Second {
		t.Errorf("the pull ends %s off the call", late)
	}
	if omitted := n.values("pulltrace.limit.omitted"); slices.Max(omitted) != layers-1000 {
		t.Errorf("pulltrace.limit.omitted is at most %g, want %d", slices.Max(omitted), layers-1000)
	}
}

// A manifest of 8,193 layers of 2^50 bytes: their sum is more than a number holds. The
// size is then not known, and nothing that is told is below 0.
func TestSizesThatOverflow(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.pushAs("overflow:1", n.layers(20<<20), registry.Claims(8_193, 1<<50))
	n.registry.SetRate(1_000_000)
	t.Cleanup(n.daemon.Kill) // it would take a minute to give up its ingests
	process := n.watch()
	done := n.cri.Start(n.Context(), img.Ref())
	ctx, cancel := context.WithTimeout(n.Context(), 15*time.Second)
	defer cancel()
	var comes bool // containerd may have given its slots to layers that never come
	if err := n.receiver.Wait(ctx, "the bytes of the layer that comes", func() bool {
		points := n.points("pulltrace.image.downloaded", img)
		return len(points) > 0 && points[len(points)-1].Value >= 2<<20
	}); err != nil && n.registry.Served(img.Layers[0].Digest) >= 4<<20 {
		t.Error(err)
	} else {
		comes = err == nil
	}
	t.Logf("containerd has asked for the layer: %t", comes)
	time.Sleep(2 * time.Second)
	process.Stop()
	n.daemon.Kill()
	if pull := <-done; pull.Err == nil {
		t.Fatal("an image that never comes was pulled")
	}

	for _, p := range n.points("pulltrace.image.downloaded", img) {
		if part := int64(p.Value) % (1 << 20); part != 0 && part != img.Config.Size {
			t.Errorf("%g bytes are downloaded: a layer comes in steps of 1 MiB, and beside it only the config of %d counts", p.Value, img.Config.Size)
			break
		}
	}
	for _, p := range n.receiver.Points("") {
		if p.Value < 0 || p.Sum < 0 {
			t.Fatalf("%s is told as %g: %s", p.Metric, p.Value, p.Attributes)
		}
	}
	for _, metric := range []string{"pulltrace.image.size", "pulltrace.image.progress", "pulltrace.image.remaining_time"} {
		if points := n.points(metric, img); len(points) != 0 {
			t.Errorf("%s is told as %g, and the size is not known", metric, points[0].Value)
		}
	}
	for _, event := range n.receiver.Events("") {
		if size, told := event.Attributes["pulltrace.pull.bytes.size"]; told {
			t.Errorf("%s tells a size of %v", event.Name, size)
		}
	}
	if (comes && !n.wasPhase("downloading")) || n.wasPhase("unpacking") {
		t.Error("the pull is not told as downloading, or as unpacking, while its first layer comes")
	}
}
