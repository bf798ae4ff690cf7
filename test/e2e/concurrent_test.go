package e2e

import (
	"testing"

	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

// Two images at once: two spans, each with its own bytes, and no byte counted
// twice.
func TestTwoImagesAtOnce(t *testing.T) { onEachVersion(t, twoImagesAtOnce) }

func twoImagesAtOnce(n *node) {
	n.pullAtOnce(
		n.push("one:1", 3<<20, 2<<20),
		n.push("two:1", 4<<20, 1<<20))
}

// The same with two images that share layers, one of them larger.
func TestTwoImagesThatShareLayers(t *testing.T) { onEachVersion(t, twoImagesThatShareLayers) }

func twoImagesThatShareLayers(n *node) {
	shared := n.layers(2<<20, 1<<20)
	n.pullAtOnce(
		n.pushLayers("small:1", append(shared[:2:2], n.layers(1<<20)...)),
		n.pushLayers("large:1", append(shared[:2:2], n.layers(4<<20, 2<<20)...)))
}

func (n *node) pullAtOnce(one, two *registry.Image) {
	n.Helper()
	n.registry.SetRate(3_000_000)
	process := n.watch()
	first, second := n.cri.Start(n.Context(), one.Ref()), n.cri.Start(n.Context(), two.Ref())
	pullOne, pullTwo := <-first, <-second
	if pullOne.Err != nil || pullTwo.Err != nil {
		n.Fatalf("pulls failed: %v, %v", pullOne.Err, pullTwo.Err)
	}
	n.waitSpans(two, 1)
	spanOne := n.onlySpan(one, process)
	spanTwo := n.onlySpan(two, process)

	n.checkSuccess(spanOne, one, pullOne, n.servedFor(one))
	n.checkSuccess(spanTwo, two, pullTwo, n.servedFor(two))
	n.checkLayersAreOwn(spanOne, one)
	n.checkLayersAreOwn(spanTwo, two)
	if spanOne.TraceID == spanTwo.TraceID {
		n.Errorf("both pulls have trace ID %s", spanOne.TraceID)
	}
	served := n.servedFor(one) + n.servedFor(two)
	if told := n.total("pulltrace.download.io"); told != float64(served) {
		n.Errorf("pulltrace.download.io is %.0f, the registry served %d", told, served)
	}
	for _, p := range n.registryPoints("pulltrace.download.io") {
		if p.Kind != otlp.Counter || !p.Cumulative || p.Unit != "By" {
			n.Errorf("pulltrace.download.io is a %s in %q, cumulative %t", p.Kind, p.Unit, p.Cumulative)
		}
	}
}

// servedFor returns the bytes of config and layers that went out for an image:
// its repository stands in the requests, so a shared layer counts for the image
// whose pull fetched it.
func (n *node) servedFor(img *registry.Image) (bytes int64) {
	blobs := map[string]bool{}
	for _, d := range img.Blobs() {
		blobs[d.String()] = true
	}
	for _, req := range n.registry.Requests() {
		if req.Repository == img.Repository && blobs[req.Digest.String()] {
			bytes += req.Written
		}
	}
	return bytes
}

// checkLayersAreOwn checks that a pull tells of the image's layers only, each
// at most once.
func (n *node) checkLayersAreOwn(span otlp.Span, img *registry.Image) {
	n.Helper()
	sizes := map[any]int64{}
	for _, l := range img.Layers {
		sizes[l.Digest.String()] = l.Size
	}
	for _, child := range n.receiver.Children(span) {
		if child.Name != "layer" {
			continue
		}
		digest := child.Attributes["pulltrace.layer.digest"]
		size, ok := sizes[digest]
		if !ok {
			n.Errorf("%s tells of layer %v, which is not its own or was told before", img.Ref(), digest)
		}
		n.checkAttribute(child, "pulltrace.layer.size", size)
		delete(sizes, digest)
	}
}
