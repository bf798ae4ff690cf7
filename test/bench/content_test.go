//go:build linux

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
)

const writersAtOnce = 8

// store has containerd keep images of small blobs, each with a record of its name.
func (n *node) store() {
	n.Helper()
	c := n.client(criNamespace)
	ctx, done, err := c.WithLease(n.Context())
	if err != nil {
		n.Fatal(err)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(writersAtOnce)
	for i := range n.images {
		group.Go(func() error {
			return storeImage(groupCtx, c, fmt.Sprintf("registry.example/stored-%d:1", i), n.blobs/n.images)
		})
	}
	if err := group.Wait(); err != nil {
		n.Fatal(err)
	}
	if err := done(n.Context()); err != nil {
		n.Fatal(err)
	}
	n.checkStored(c)
}

// storeImage stores an image of so many blobs: layers, a config, a manifest and an index.
func storeImage(ctx context.Context, c *client.Client, name string, blobs int) error {
	refs := func(of []ocispec.Descriptor) map[string]string { // or they are garbage
		labels := map[string]string{"containerd.io/distribution.source.registry.example": "stored"}
		for i, d := range of {
			labels[fmt.Sprintf("containerd.io/gc.ref.content.%d", i)] = d.Digest.String()
		}
		return labels
	}
	var parts []ocispec.Descriptor
	for i := range blobs - 2 {
		mediaType := ocispec.MediaTypeImageLayerGzip
		if i == 0 {
			mediaType = ocispec.MediaTypeImageConfig // which the CRI reads
		}
		d, err := writeJSON(ctx, c, mediaType, ocispec.Image{Author: fmt.Sprintf("blob %d of %s", i, name)}, nil)
		if err != nil {
			return err
		}
		parts = append(parts, d)
	}
	manifest, err := writeJSON(ctx, c, ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, Config: parts[0], Layers: parts[1:],
	}, refs(parts))
	if err != nil {
		return err
	}
	all := []ocispec.Descriptor{manifest}
	index, err := writeJSON(ctx, c, ocispec.MediaTypeImageIndex, ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: all}, refs(all))
	if err != nil {
		return err
	}
	_, err = c.ImageService().Create(ctx, images.Image{Name: name, Target: index})
	return err
}

func writeJSON(ctx context.Context, c *client.Client, mediaType string, v any, labels map[string]string) (ocispec.Descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return writeBlob(ctx, c, mediaType, data, labels)
}

func writeBlob(ctx context.Context, c *client.Client, mediaType string, data []byte, labels map[string]string) (ocispec.Descriptor, error) {
	d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	return d, content.WriteBlob(ctx, c.ContentStore(), "layer-"+d.Digest.String(), bytes.NewReader(data), d, content.WithLabels(labels))
}

// checkStored makes sure that what was stored stays, now that no lease holds it.
func (n *node) checkStored(c *client.Client) {
	n.Helper()
	l, err := c.LeasesService().Create(n.Context(), leases.WithRandomID())
	if err != nil {
		n.Fatal(err)
	}
	if err := c.LeasesService().Delete(n.Context(), l, leases.SynchronousDelete); err != nil { // when garbage is collected
		n.Fatal(err)
	}
	blobs := 0
	if err := c.ContentStore().Walk(n.Context(), func(content.Info) error { blobs++; return nil }); err != nil {
		n.Fatal(err)
	}
	if blobs != n.blobs {
		n.Errorf("%d blobs are stored, want %d", blobs, n.blobs)
	}
}

// foreignLeases makes leases that expire, each with three blobs of no image, as imports and
// builders leave them.
func (n *node) foreignLeases() {
	n.Helper()
	c := n.client("builder")
	for i := range n.leases {
		l, err := c.LeasesService().Create(n.Context(), leases.WithRandomID(), leases.WithExpiration(time.Hour))
		if err != nil {
			n.Fatal(err)
		}
		ctx := leases.WithLease(n.Context(), l.ID)
		for j := range 3 {
			if _, err := writeBlob(ctx, c, ocispec.MediaTypeImageLayer, fmt.Appendf(nil, "blob %d of lease %d", j, i), nil); err != nil {
				n.Fatal(err)
			}
		}
	}
}
