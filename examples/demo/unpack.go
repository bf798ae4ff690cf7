package main

import (
	"context"
	"fmt"
	"io"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/diff"
	"github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/pkg/archive"
	"github.com/containerd/containerd/v2/pkg/archive/compression"
	"github.com/containerd/containerd/v2/plugins"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/containerd/plugin"
	"github.com/containerd/plugin/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	snapshotter = "native"    // each snapshot is a plain directory, a copy of its parent
	mountless   = "mountless" // the differ below
)

// registerUnpacker adds the one plugin of the daemon that is not containerd's.
// containerd's own differ mounts a snapshot to write a layer into it, which
// takes root; this one writes into the directory that would be mounted.
func registerUnpacker() {
	registry.Register(&plugin.Registration{
		Type:     plugins.DiffPlugin,
		ID:       mountless,
		Requires: []plugin.Type{plugins.MetadataPlugin},
		InitFn: func(ic *plugin.InitContext) (any, error) {
			db, err := ic.GetSingle(plugins.MetadataPlugin)
			if err != nil {
				return nil, err
			}
			ic.Meta.Platforms = append(ic.Meta.Platforms, platforms.DefaultSpec())
			return &applier{store: db.(*metadata.DB).ContentStore()}, nil
		},
	})
}

type applier struct{ store content.Provider }

// Apply unpacks a layer, as [diff.Applier] says.
func (a *applier) Apply(ctx context.Context, layer ocispec.Descriptor, mounts []mount.Mount, _ ...diff.ApplyOpt) (ocispec.Descriptor, error) {
	if len(mounts) != 1 {
		return ocispec.Descriptor{}, fmt.Errorf("unpacking %s: %d mounts instead of one directory: %w", layer.Digest, len(mounts), errdefs.ErrNotImplemented)
	}
	blob, err := a.store.ReaderAt(ctx, layer)
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("unpacking %s: %w", layer.Digest, err)
	}
	defer blob.Close()
	tar, err := compression.DecompressStream(content.NewReader(blob))
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("unpacking %s: %w", layer.Digest, err)
	}
	defer tar.Close()

	diffID := digest.Canonical.Digester()
	hashed := io.TeeReader(tar, diffID.Hash())
	size, err := archive.Apply(ctx, mounts[0].Source, hashed, archive.WithNoSameOwner())
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("unpacking %s: %w", layer.Digest, err)
	}
	padding, err := io.Copy(io.Discard, hashed) // the diff ID covers it
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("unpacking %s: %w", layer.Digest, err)
	}
	return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: diffID.Digest(), Size: size + padding}, nil
}
