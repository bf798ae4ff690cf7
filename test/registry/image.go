package registry

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Image is what the registry knows to be true about an image it holds.
type Image struct {
	Host       string // "127.0.0.1:41234"
	Repository string // "team/app"
	Tag        string // "1"

	Root     ocispec.Descriptor // the index, or the manifest where there is no index
	Manifest ocispec.Descriptor // of this machine's platform
	Config   ocispec.Descriptor
	Layers   []*Layer // in the manifest's order
}

// Ref returns the reference to pull the image by its tag.
func (i *Image) Ref() string { return i.Host + "/" + i.Repository + ":" + i.Tag }

// Name returns registry and repository without the tag.
func (i *Image) Name() string { return i.Host + "/" + i.Repository }

// Size returns the bytes of config and layers, each distinct layer once.
func (i *Image) Size() int64 {
	size := i.Config.Size
	for n, l := range i.Layers {
		if !slices.Contains(i.Layers[:n], l) {
			size += l.Size
		}
	}
	return size
}

// Blobs returns the digests of config and layers, in this order.
func (i *Image) Blobs() []digest.Digest {
	blobs := []digest.Digest{i.Config.Digest}
	for _, l := range i.Layers {
		blobs = append(blobs, l.Digest)
	}
	return blobs
}

// Push makes an image of the given layers and holds it under name, which is
// "repository:tag". The index names a manifest of another platform first, as
// the indexes of real images do.
func (r *Registry) Push(name string, layers []*Layer, opts ...ImageOption) (*Image, error) {
	o := newImageOptions(opts)
	repository, tag, ok := strings.Cut(name, ":")
	if !ok {
		return nil, fmt.Errorf("pushing image %q: the name has no tag", name)
	}
	img := &Image{Host: r.Host(), Repository: repository, Tag: tag, Layers: layers}

	var err error
	img.Manifest, img.Config, err = r.pushManifest(img, o, runtime.GOARCH, layers)
	if err != nil {
		return nil, fmt.Errorf("pushing image %q: %w", name, err)
	}
	img.Root = img.Manifest
	if !o.singleManifest {
		if img.Root, err = r.pushIndex(img, o); err != nil {
			return nil, fmt.Errorf("pushing image %q: %w", name, err)
		}
	}
	if o.nested {
		inner := img.Root
		inner.Platform = o.nestedPlatform
		if img.Root, err = r.putIndex(o.types.index, inner); err != nil {
			return nil, fmt.Errorf("pushing image %q: %w", name, err)
		}
	}
	for _, l := range slices.Concat(layers, o.foreign) {
		r.put(l.Digest, &content{mediaType: l.MediaType, size: l.Size, open: l.open})
	}
	r.tag(repository, tag, img.Root.Digest)
	return img, nil
}

// Tag holds an image under a second name, too, and returns it as it is there.
func (r *Registry) Tag(img *Image, name string) (*Image, error) {
	repository, tag, ok := strings.Cut(name, ":")
	if !ok {
		return nil, fmt.Errorf("tagging image %q: the name has no tag", name)
	}
	second := *img
	second.Repository, second.Tag = repository, tag
	r.tag(repository, tag, img.Root.Digest)
	return &second, nil
}

func (r *Registry) pushIndex(img *Image, o imageOptions) (ocispec.Descriptor, error) {
	foreign := "s390x"
	if runtime.GOARCH == foreign {
		foreign = "amd64"
	}
	other, _, err := r.pushManifest(img, o, foreign, o.foreign)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	manifests := []ocispec.Descriptor{forPlatform(other, foreign), forPlatform(img.Manifest, runtime.GOARCH)}
	if o.attested {
		attestation, err := r.pushAttestation(img)
		if err != nil {
			return ocispec.Descriptor{}, err
		}
		manifests = append(manifests, attestation)
	}
	if o.referred {
		referrer, err := r.pushReferrer(img)
		if err != nil {
			return ocispec.Descriptor{}, err
		}
		manifests = append(manifests, referrer)
	}
	return r.putIndex(o.types.index, o.named(manifests)...)
}

func (r *Registry) putIndex(mediaType string, manifests ...ocispec.Descriptor) (ocispec.Descriptor, error) {
	return r.putJSON(mediaType, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: mediaType,
		Manifests: manifests,
	})
}

func forPlatform(d ocispec.Descriptor, arch string) ocispec.Descriptor {
	d.Platform = &ocispec.Platform{OS: "linux", Architecture: arch}
	return d
}

func (r *Registry) pushManifest(img *Image, o imageOptions, arch string, layers []*Layer) (manifest, config ocispec.Descriptor, err error) {
	created := time.Now().UTC().Truncate(time.Second)
	c := ocispec.Image{
		Created:  &created,
		Platform: ocispec.Platform{OS: "linux", Architecture: arch},
		// The name makes configs differ even where all layers are shared.
		Config: ocispec.ImageConfig{
			Labels:     map[string]string{ocispec.AnnotationTitle: img.Repository + ":" + img.Tag},
			Entrypoint: o.entrypoint,
		},
		RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{}},
	}
	descriptors := []ocispec.Descriptor{}
	for _, l := range layers {
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, l.DiffID)
		descriptors = append(descriptors, l.Descriptor)
	}
	for _, claimed := range o.claimed(img) {
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, claimed.Digest)
		descriptors = append(descriptors, claimed)
		c := &content{mediaType: claimed.MediaType, size: claimed.Size, open: openZeros}
		if !o.zeros {
			r.SetFaults(claimed.Digest, Hold())
		}
		r.put(claimed.Digest, c)
	}
	var object any = c
	if o.artifact {
		object = struct{}{}
	}
	if config, err = r.putJSON(o.types.config, object); err != nil {
		return manifest, config, err
	}
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: o.types.manifest,
		Config:    o.named([]ocispec.Descriptor{config})[0],
		Layers:    o.named(descriptors),
	}
	if o.annotation > 0 {
		m.Annotations = map[string]string{ocispec.AnnotationDescription: strings.Repeat("a", o.annotation)}
	}
	manifest, err = r.putJSON(o.types.manifest, m)
	return manifest, config, err
}

func (r *Registry) putJSON(mediaType string, v any) (ocispec.Descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("encoding %s: %w", mediaType, err)
	}
	d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	r.put(d.Digest, &content{mediaType: mediaType, size: d.Size, open: openBytes(data)})
	return d, nil
}
