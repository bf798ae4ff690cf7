package judge

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pulltrace/pulltrace/collector/limits"
	"github.com/pulltrace/pulltrace/collector/pull"
)

// document is an index or a manifest: which of the two, its content tells.
type document struct {
	Manifests []ocispec.Descriptor `json:"manifests"`
	Config    *ocispec.Descriptor  `json:"config"`
	Layers    []ocispec.Descriptor `json:"layers"`

	rest rest
}

// rest are the layers of manifests beyond limits.Layers.
type rest struct {
	pull.Rest
	sizes map[digest.Digest]int64 // of each blob, in bytes
}

// add adds layers to the rest.
func (r *rest) add(layers []ocispec.Descriptor) {
	r.Layers += len(layers)
	for _, d := range layers {
		r.put(d.Digest, d.Size)
	}
}

// addRest adds the rest of another manifest.
func (r *rest) addRest(other rest) {
	r.Layers += other.Layers
	for d, size := range other.sizes {
		r.put(d, size)
	}
}

// put adds a blob, which counts once.
func (r *rest) put(d digest.Digest, size int64) {
	if r.sizes == nil {
		r.sizes = make(map[digest.Digest]int64)
	}
	if _, again := r.sizes[d]; !again {
		r.sizes[d] = size
		r.Size += size
	}
}

// parseDocument reads an index or a manifest. Sizes that are negative, or of which the sum
// is more than there can be, and digests that are none make it an error. Layers beyond
// limits.Layers are in the rest, manifests beyond limits.Manifests are left out.
func parseDocument(b []byte) (document, error) {
	var doc document
	if err := json.Unmarshal(b, &doc); err != nil {
		return document{}, err
	}
	all := append(append([]ocispec.Descriptor(nil), doc.Manifests...), doc.Layers...)
	if doc.Config != nil {
		all = append(all, *doc.Config)
	}
	var sum int64
	for _, d := range all {
		if err := d.Digest.Validate(); err != nil {
			return document{}, fmt.Errorf("descriptor %q: %w", d.Digest, err)
		}
		if d.Size < 0 || d.Size > limits.ImageBytes {
			return document{}, fmt.Errorf("descriptor %s: size %d", d.Digest, d.Size)
		}
		if sum += d.Size; sum > limits.ImageBytes {
			return document{}, fmt.Errorf("sizes of more than %d bytes in all", int64(limits.ImageBytes))
		}
	}
	if len(doc.Manifests) > limits.Manifests {
		doc.Manifests = slices.Clone(doc.Manifests[:limits.Manifests])
	}
	if len(doc.Layers) > limits.Layers {
		named := make(map[digest.Digest]bool, limits.Layers)
		for _, d := range doc.Layers[:limits.Layers] {
			named[d.Digest] = true
		}
		further := doc.Layers[limits.Layers:]
		doc.rest.add(slices.DeleteFunc(slices.Clone(further), func(d ocispec.Descriptor) bool { return named[d.Digest] }))
		doc.rest.Layers = len(further)
		doc.Layers = slices.Clone(doc.Layers[:limits.Layers])
	}
	return doc, nil
}

// isIndex tells an index from a manifest.
func (d *document) isIndex() bool { return d.Config == nil && d.Manifests != nil }

// isNone tells that what was read is neither an index nor a manifest.
func (d *document) isNone() bool { return d.Config == nil && d.Manifests == nil }

// refers are the blobs that the document refers to.
func (d *document) refers() (refs []digest.Digest) {
	for _, m := range d.Manifests {
		refs = append(refs, m.Digest)
	}
	if d.Config != nil {
		refs = append(refs, d.Config.Digest)
	}
	for _, l := range d.Layers {
		refs = append(refs, l.Digest)
	}
	return refs
}

// manifest is a document as the tracker wants it, without chain IDs. It is nil
// for an index.
func (d *document) manifest() *pull.Manifest {
	if d.Config == nil {
		return nil
	}
	m := &pull.Manifest{Config: descriptor(*d.Config), Rest: d.rest.Rest}
	for _, l := range d.Layers {
		m.Layers = append(m.Layers, descriptor(l))
	}
	return m
}

func descriptor(d ocispec.Descriptor) pull.Descriptor {
	return pull.Descriptor{Digest: d.Digest, Size: d.Size, MediaType: d.MediaType}
}

// parseChainIDs reads the chain IDs of an image's layers from its config, and nothing
// else: a config may hold secrets in its environment. A config that is of no image has
// none. Those of layers beyond limits.Layers are left out; layers is how many there are.
func parseChainIDs(b []byte) (chains []digest.Digest, layers int, err error) {
	var config struct {
		RootFS struct {
			DiffIDs []digest.Digest `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if err := json.Unmarshal(b, &config); err != nil {
		return nil, 0, err
	}
	chains = []digest.Digest{}
	all := config.RootFS.DiffIDs
	for i, id := range all[:min(len(all), limits.Layers)] {
		if err := id.Validate(); err != nil {
			return nil, 0, fmt.Errorf("diff ID of layer %d: %w", i, err)
		}
		if i > 0 { // identity.ChainID of the OCI image specification
			id = digest.FromString(chains[i-1].String() + " " + id.String())
		}
		chains = append(chains, id)
	}
	return chains, len(all), nil
}
