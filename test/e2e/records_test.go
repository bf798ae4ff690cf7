package e2e

import (
	"time"

	"github.com/containerd/errdefs"

	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

// checkRecords holds the ends of downloads and unpacks of a pull against containerd's
// own records of the blobs and snapshots, as far as it has kept them.
func (n *node) checkRecords(span otlp.Span, img *registry.Image) {
	n.Helper()
	namespace, _ := span.Attributes["pulltrace.containerd.namespace"].(string)
	c := n.client(namespace)
	blobs, snapshots := c.ContentStore(), c.SnapshotService(n.daemon.Snapshotter)
	chains := chainIDs(img)
	for _, layer := range n.receiver.Children(span) {
		index, ok := layer.Attributes["pulltrace.layer.index"].(int64)
		if !ok || int(index) >= len(img.Layers) {
			continue
		}
		for _, step := range n.receiver.Children(layer) {
			switch step.Name {
			case "download":
				blob, err := blobs.Info(n.Context(), img.Layers[index].Digest)
				if errdefs.IsNotFound(err) || isEstimated(layer, "download.end") {
					continue
				}
				if err != nil {
					n.Fatalf("containerd's record of layer %d: %v", index, err)
				}
				n.checkEnd("download", index, step.End, blob.CreatedAt)
			case "unpack":
				snapshot, err := snapshots.Stat(n.Context(), chains[index])
				if errdefs.IsNotFound(err) {
					continue
				}
				if err != nil {
					n.Fatalf("containerd's record of the snapshot of layer %d: %v", index, err)
				}
				n.checkEnd("unpack", index, step.End, snapshot.Created)
			}
		}
	}
}

// checkEnd holds the end of a step against when containerd says that it was.
func (n *node) checkEnd(step string, index any, told, recorded time.Time) {
	n.Helper()
	off := told.Sub(recorded)
	recordEnd(step, off)
	if off.Abs() > clockLimit+3*lateAround(recorded) {
		n.Errorf("the %s of layer %v ends %s after containerd's record of it", step, index, off)
	}
}
