package e2e

import (
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

// Three layers that are soon fetched are unpacked at once: each unpack begins
// after the registry has served the layer and before another one ends. Its own
// end, which waits for the layers below, says that it is estimated.
func TestParallelUnpack(t *testing.T) {
	t.Parallel()
	n := newNodeWith(t, containerd.Options{Extra: "[plugins.'io.containerd.transfer.v1.local']\n  max_concurrent_unpacks = 3"})
	n.since("2.2", "parallel unpack")
	if n.daemon.Snapshotter != "overlayfs" {
		t.Skipf("%s cannot unpack in parallel", n.daemon.Snapshotter)
	}
	var layers []*registry.Layer
	for range 3 {
		layers = append(layers, n.manyFiles(15_000)...)
	}
	img := n.pushLayers("parallel:1", layers)
	process := n.watch()
	pull := n.pull(img)
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, img.Size())
	n.checkTree(span, img.Layers, img)

	served := map[any]time.Time{}
	for _, req := range n.registry.Requests() {
		served[req.Digest.String()] = req.End
	}
	ended := span.End // the first of them
	var unpacks []otlp.Span
	for _, layer := range n.receiver.Children(span) {
		if layer.Name != "layer" {
			continue
		}
		if index := layer.Attributes["pulltrace.layer.index"]; index != int64(0) {
			n.checkEstimated(layer, "unpack.end")
		}
		unpack := n.receiver.Children(layer)[1]
		if unpack.Start.Before(served[layer.Attributes["pulltrace.layer.digest"]]) {
			t.Errorf("layer %v is unpacked before it was served", layer.Attributes["pulltrace.layer.index"])
		}
		if unpack.End.Before(ended) {
			ended = unpack.End
		}
		unpacks = append(unpacks, unpack)
	}
	for _, unpack := range unpacks {
		if !unpack.Start.Before(ended) {
			t.Errorf("an unpack starts %s after another one has ended", unpack.Start.Sub(ended))
		}
	}
}
