package e2e

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/lazy"
	"github.com/pulltrace/pulltrace/test/registry"
)

// newLazyNode is a node whose containerd unpacks with a remote snapshotter.
func newLazyNode(t *testing.T) (*node, *lazy.Snapshotter) {
	t.Helper()
	snapshotter, err := lazy.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snapshotter.Close() })
	return newNodeWith(t, containerd.Options{
		Snapshotter: "lazy",
		Extra: fmt.Sprintf(`
[proxy_plugins.lazy]
  type = 'snapshot'
  address = '%s'

[plugins.'io.containerd.transfer.v1.local']
  [[plugins.'io.containerd.transfer.v1.local'.unpack_config]]
    platform = 'linux/%s'
    snapshotter = 'lazy'
    differ = 'walking'
`, snapshotter.Socket, runtime.GOARCH),
	}), snapshotter
}

// chainIDs are those of the snapshots of an image's layers.
func chainIDs(img *registry.Image) []string {
	var ids []string
	for _, l := range img.Layers {
		id := l.DiffID.String()
		if len(ids) > 0 {
			id = digest.FromString(ids[len(ids)-1] + " " + id).String()
		}
		ids = append(ids, id)
	}
	return ids
}

// A remote snapshotter has the two lower layers of three: the pull is told, and
// of its bytes those of the third layer as fetched, the rest as lazy.
func TestLazyLayers(t *testing.T) {
	t.Parallel()
	n, snapshotter := newLazyNode(t)
	img := n.push("lazy:1", 3<<20, 2<<20, 4<<20)
	for _, id := range chainIDs(img)[:2] {
		snapshotter.Hold(id)
	}
	n.registry.SetRate(2_000_000)
	n.pullLazily(img, 2)
}

// It has all of them, and the pull is over at once.
func TestAllLayersLazy(t *testing.T) {
	t.Parallel()
	n, snapshotter := newLazyNode(t)
	img := n.push("all-lazy:1", 3<<20, 2<<20)
	for _, id := range chainIDs(img) {
		snapshotter.Hold(id)
	}
	n.pullLazily(img, 2)
}

// pullLazily pulls an image whose first layers are held by the snapshotter.
func (n *node) pullLazily(img *registry.Image, held int) {
	n.Helper()
	process := n.watch()
	pull := n.pull(img)
	span := n.onlySpan(img, process)

	var lazyBytes int64
	for _, l := range img.Layers[:held] {
		lazyBytes += l.Size
	}
	served := n.registry.Served(img.Blobs()...)
	if served != img.Size()-lazyBytes {
		n.Fatalf("the registry served %d bytes: the layers were not held", served)
	}
	n.record(span, pull, served)
	n.checkClock(span, pull)
	if held < len(img.Layers) {
		n.checkTree(span, img.Layers[held:], img)
	}
	n.checkAttribute(span, "pulltrace.pull.outcome", "success")
	n.checkAttribute(span, "pulltrace.pull.bytes.size", img.Size())
	n.checkAttribute(span, "pulltrace.pull.bytes.downloaded", served)
	n.checkAttribute(span, "pulltrace.pull.bytes.lazy", lazyBytes)
	n.checkAttribute(span, "pulltrace.pull.bytes.cached", int64(0))
	n.checkAttribute(span, "pulltrace.pull.layer.lazy", int64(held))
	n.checkAttribute(span, "pulltrace.pull.layer.cached", int64(0))
	n.checkAttribute(span, "pulltrace.pull.layer.downloaded", int64(len(img.Layers)-held))

	states := map[any]float64{}
	for _, p := range n.points("pulltrace.image.layer.count", img) {
		states[p.Attributes["pulltrace.layer.state"]] = p.Value
	}
	if states["lazy"] != float64(held) || states["done"] != float64(len(img.Layers)-held) || states["cached"] != 0 {
		n.Errorf("layers by state are at last %v, want %d lazy and the rest done", states, held)
	}
	progress := n.points("pulltrace.image.progress", img)
	if len(progress) == 0 || progress[len(progress)-1].Value != 1 {
		n.Errorf("progress is told as %v, want 1 at last", progress)
	}
}
