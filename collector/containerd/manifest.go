package containerd

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// maxDocument is the largest index, manifest or config that is read, in bytes.
// Registries and containerd's resolver accept no larger manifest.
const maxDocument = 4 << 20

// document is an index or a manifest: which of the two, its content tells.
type document struct {
	Manifests []ocispec.Descriptor `json:"manifests"`
	Config    *ocispec.Descriptor  `json:"config"`
	Layers    []ocispec.Descriptor `json:"layers"`
}

// parseDocument reads an index or a manifest. Sizes that are not positive and
// digests that are none make it an error, so that nobody adds them up.
func parseDocument(b []byte) (document, error) {
	var doc document
	if err := json.Unmarshal(b, &doc); err != nil {
		return document{}, err
	}
	all := append(append([]ocispec.Descriptor(nil), doc.Manifests...), doc.Layers...)
	if doc.Config != nil {
		all = append(all, *doc.Config)
	}
	for _, d := range all {
		if err := d.Digest.Validate(); err != nil {
			return document{}, fmt.Errorf("descriptor %q: %w", d.Digest, err)
		}
		if d.Size < 0 || d.Size > maxBlob {
			return document{}, fmt.Errorf("descriptor %s: size %d", d.Digest, d.Size)
		}
	}
	return doc, nil
}

// maxBlob is more than any blob can have, in bytes, and little enough that the
// sizes of a manifest add up without overflow.
const maxBlob = 1 << 50

// manifest is a document as the tracker wants it, without chain IDs. It is nil
// for an index.
func (d document) manifest() *pull.Manifest {
	if d.Config == nil {
		return nil
	}
	m := &pull.Manifest{Config: descriptor(*d.Config)}
	for _, l := range d.Layers {
		m.Layers = append(m.Layers, descriptor(l))
	}
	return m
}

func descriptor(d ocispec.Descriptor) pull.Descriptor {
	return pull.Descriptor{Digest: d.Digest, Size: d.Size, MediaType: d.MediaType}
}

// parseChainIDs reads the chain IDs of an image's layers from its config, and
// nothing else: a config may hold secrets in its environment. A config that is
// not of an image, or not of these layers, has none.
func parseChainIDs(b []byte, layers int) ([]digest.Digest, error) {
	var config struct {
		RootFS struct {
			DiffIDs []digest.Digest `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if err := json.Unmarshal(b, &config); err != nil {
		return nil, err
	}
	ids := config.RootFS.DiffIDs
	if len(ids) != layers {
		return nil, nil
	}
	chains := make([]digest.Digest, 0, len(ids))
	for i, id := range ids {
		if err := id.Validate(); err != nil {
			return nil, fmt.Errorf("diff ID of layer %d: %w", i, err)
		}
		if i > 0 { // identity.ChainID of the OCI image specification
			id = digest.FromString(chains[i-1].String() + " " + id.String())
		}
		chains = append(chains, id)
	}
	return chains, nil
}

// read returns a small blob from the content store.
func read(ctx context.Context, store content.Store, info content.Info) ([]byte, error) {
	if info.Size > maxDocument {
		return nil, fmt.Errorf("blob %s has %d bytes, more than a manifest or config may have", info.Digest, info.Size)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	b, err := content.ReadBlob(ctx, store, ocispec.Descriptor{Digest: info.Digest, Size: info.Size})
	if err != nil {
		return nil, fmt.Errorf("reading blob %s: %w", info.Digest, err)
	}
	return b, nil
}
