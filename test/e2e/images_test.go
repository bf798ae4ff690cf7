package e2e

import (
	"fmt"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/registry"
)

const (
	dockerLayer     = "application/vnd.docker.image.rootfs.diff.tar.gzip"
	ociLayer        = ocispec.MediaTypeImageLayer
	zstdLayer       = ocispec.MediaTypeImageLayerZstd
	artifactConfig  = "application/vnd.example.config.v1+json"
	artifactContent = "application/vnd.example.content.v1"
)

// Images of every form that a registry may hold are told alike.
func TestForms(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	manyLayers := make([]int64, 120)
	for i := range manyLayers {
		manyLayers[i] = 3000 + int64(i)
	}
	images := []*registry.Image{
		n.pushAs("index:1", n.layers(30_000, 20_000)),
		n.pushAs("single-manifest:1", n.layers(30_000, 20_000), registry.SingleManifest()),
		n.pushAs("docker:1", n.layersOf(30_000, dockerLayer, dockerLayer), registry.Docker()),
		n.pushAs("docker-single:1", n.layersOf(30_000, dockerLayer), registry.Docker(), registry.SingleManifest()),
		n.pushAs("compressions:1", n.layersOf(30_000, ociLayer, zstdLayer, ocispec.MediaTypeImageLayerGzip)),
		n.pushAs("one-layer:1", n.layers(30_000)),
		n.pushAs("many-layers:1", n.layers(manyLayers...)),
		n.pushAs("empty-layer:1", append(n.layers(30_000), n.emptyLayer())),
		n.pushAs("attested:1", n.layers(30_000, 20_000), registry.Attested()),
		n.pushAs("named:1", n.layers(30_000, 20_000), registry.RefName("latest")),
		n.pushAs("a/very/deep/path/to_an.image/x-y--z:v1.2.3-rc.1_x86", n.layers(30_000)),
	}
	process := n.watch("--idle-interval=10s")
	pulls := make([]cri.Pull, len(images))
	for i, img := range images {
		pulls[i] = n.pull(img)
	}
	for _, img := range images {
		n.waitSpans(img, 1)
	}
	for i, img := range images {
		span := n.onlySpan(img, process)
		n.checkSuccess(span, img, pulls[i], n.registry.Served(img.Blobs()...))
		n.checkTree(span, img.Layers, img)
		n.checkTag(fmt.Sprint(span.Attributes["container.image.tags"]), "["+img.Tag+"]", img)
	}
}

func (n *node) checkTag(got, want string, img *registry.Image) {
	n.Helper()
	if got != want {
		n.Errorf("the span of %s has tags %s, want %s", img.Ref(), got, want)
	}
}

// A layer that stands in the manifest twice is fetched once and unpacked twice.
func TestSameLayerTwice(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	layers := n.layers(30_000, 1<<20)
	img := n.pushLayers("twice:1", []*registry.Layer{layers[0], layers[1], layers[0]})
	process := n.watch()
	pull := n.pull(img)
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, n.registry.Served(img.Blobs()...))
	steps := map[string]int{}
	for _, layer := range n.receiver.Children(span) {
		steps[layer.Name]++
		for _, step := range n.receiver.Children(layer) {
			steps[step.Name]++
		}
	}
	if steps["layer"] != 3 || steps["download"] != 2 || steps["unpack"] != 3 {
		n.Errorf("three layers, two of which are one, have %v:\n%s", steps, n.receiver.Tree(span))
	}
}

// By digest there is no tag, and none is told.
func TestPullByDigest(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.push("digest:1", 30_000, 1<<20)
	process := n.watch()
	pull := n.cri.Pull(t.Context(), img.Name()+"@"+img.Root.Digest.String())
	if pull.Err != nil {
		t.Fatal(pull.Err)
	}
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, n.registry.Served(img.Blobs()...))
	n.checkTree(span, img.Layers, img)
	n.checkAttribute(span, "container.image.tags", nil)
}

// The same content under a second name: the pull is told under the name that it
// was asked for by, and never under the other one.
func TestSecondName(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.push("a/x:1", 30_000, 1<<20)
	process := n.watch("--idle-interval=250ms", "--poll-interval=250ms")
	n.pull(img)
	n.waitSpans(img, 1)

	second, err := n.registry.Tag(img, "b/y:2")
	if err != nil {
		t.Fatal(err)
	}
	n.registry.SetFaults(img.Root.Digest, registry.Delay(time.Second)) // so that its lease is seen
	pull := n.pull(second)
	n.waitSpans(img, 2)
	process.Stop()
	spans := n.pullSpans(img)
	if len(spans) != 2 {
		t.Fatalf("two pulls have %d spans:\n%s", len(spans), n.trees(spans))
	}
	n.checkSuccess(spans[1], second, pull, 0)
}

// A host that is an IPv6 address.
func TestIPv6Host(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	reg, err := registry.StartOn("[::1]:0")
	if err != nil {
		t.Skipf("no IPv6 here: %v", err)
	}
	t.Cleanup(func() { reg.Close() })
	n.registry = reg
	n.registry.SetRate(1_000_000)
	img := n.push("team/app:1", 30_000, 2<<20)
	process := n.watch()
	pull := n.pull(img)
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, n.registry.Served(img.Blobs()...))
	n.checkTree(span, img.Layers, img)
	n.checkAttribute(span, "pulltrace.registry", "::1")
	for _, p := range n.points("pulltrace.image.progress", img) {
		if name := p.Attributes["container.image.name"]; name != "[::1]/team/app" && name != img.Name() {
			t.Fatalf("the live series is of %v, want %s without or with its port", name, img.Name())
		}
	}
}

func (n *node) pushAs(name string, layers []*registry.Layer, opts ...registry.ImageOption) *registry.Image {
	n.Helper()
	img, err := n.registry.Push(name, layers, opts...)
	if err != nil {
		n.Fatal(err)
	}
	return img
}

// layersOf makes a layer of about this size of each media type.
func (n *node) layersOf(size int64, mediaTypes ...string) []*registry.Layer {
	n.Helper()
	layers := make([]*registry.Layer, len(mediaTypes))
	for i, mediaType := range mediaTypes {
		var err error
		if layers[i], err = registry.NewLayerOf(mediaType, size+int64(i)); err != nil {
			n.Fatal(err)
		}
	}
	return layers
}

func (n *node) emptyLayer() *registry.Layer {
	n.Helper()
	layer, err := registry.NewEmptyLayer()
	if err != nil {
		n.Fatal(err)
	}
	return layer
}

// An artifact: a config that is none of an image, content that is no layer.
func TestArtifact(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.pushAs("artifact:1", n.layersOf(2<<20, artifactContent, artifactContent), registry.Artifact(artifactConfig), registry.SingleManifest())
	n.registry.SetRate(3_000_000)
	process := n.watch()
	pull := n.clientPull(img)
	span := n.onlySpan(img, process)
	n.checkSuccessIn("default", span, img, pull, n.registry.Served(img.Blobs()...))
	n.checkDownloads(span, img)
}

// All platforms of an image: the layers of each are part of the pull, also those
// of the attestation. It unpacks none.
func TestAllPlatforms(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.pushAs("platforms:1", n.layers(2<<20, 30_000), registry.Foreign(n.layers(30_000, 1<<20, 20_000)), registry.Attested())
	n.registry.SetRate(3_000_000)
	// Up to 2.0 no event tells that it has begun, and what its lease held must be seen.
	process := n.watch("--idle-interval=500ms")
	pull := n.ctrCall(img, "images", "pull", "--plain-http", "--all-platforms", img.Ref())
	span := n.onlySpan(img, process)

	served := n.servedAsBlobs()
	n.record(span, n.within(pull, span, img), served)
	n.checkClock(span, n.within(pull, span, img))
	n.checkAttribute(span, "pulltrace.pull.outcome", "success")
	n.checkAttribute(span, "pulltrace.pull.bytes.size", served)
	n.checkAttribute(span, "pulltrace.pull.bytes.downloaded", served)
	n.checkAttribute(span, "pulltrace.pull.bytes.cached", int64(0))
	n.checkAttribute(span, "pulltrace.pull.layer.count", int64(6))
}

// A signature that stands in the index without a platform: containerd fetches it with
// the image and unpacks the image alone. Its bytes are part of the pull, as are those
// of any manifest that the pull brings.
func TestReferrerInTheIndex(t *testing.T) {
	onEachVersion(t, func(n *node) {
		img := n.pushAs("signed:1", n.layers(1<<20, 20_000), registry.Referred())
		n.registry.SetRate(1_000_000)
		process := n.watch()
		pull := n.pull(img)
		span := n.onlySpan(img, process)
		served := n.servedAsBlobs()
		n.record(span, pull, served)
		n.checkClock(span, pull)
		n.checkAttribute(span, "container.image.id", img.Config.Digest.String())
		n.checkAttribute(span, "pulltrace.pull.outcome", "success")
		n.checkAttribute(span, "pulltrace.pull.bytes.size", served)
		n.checkAttribute(span, "pulltrace.pull.bytes.downloaded", served)
		unpacked := 0
		for _, layer := range n.receiver.Children(span) {
			for _, step := range n.receiver.Children(layer) {
				if step.Name == "unpack" {
					unpacked++
				}
			}
		}
		if unpacked != len(img.Layers) {
			n.Errorf("%d layers are unpacked, the image has %d:\n%s", unpacked, len(img.Layers), n.receiver.Tree(span))
		}
	})
}

// servedAsBlobs is how many bytes of configs and layers the registry served: of
// all but indexes and manifests.
func (n *node) servedAsBlobs() (sum int64) {
	for _, r := range n.registry.Requests() {
		if r.Blob {
			sum += r.Written
		}
	}
	return sum
}
