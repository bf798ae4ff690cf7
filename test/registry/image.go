package registry

import (
	"encoding/json"
	"fmt"
	"runtime"
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

// Size returns the bytes of config and layers.
func (i *Image) Size() int64 {
	size := i.Config.Size
	for _, l := range i.Layers {
		size += l.Size
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

// ImageOption changes how an image is made.
type ImageOption func(*imageOptions)

type imageOptions struct{ singleManifest bool }

// SingleManifest leaves the index out: the tag names the manifest itself.
func SingleManifest() ImageOption {
	return func(o *imageOptions) { o.singleManifest = true }
}

// Push makes an image of the given layers and holds it under name, which is
// "repository:tag". The index names a manifest of another platform first, as
// the indexes of real images do.
func (r *Registry) Push(name string, layers []*Layer, opts ...ImageOption) (*Image, error) {
	var o imageOptions
	for _, opt := range opts {
		opt(&o)
	}
	repository, tag, ok := strings.Cut(name, ":")
	if !ok {
		return nil, fmt.Errorf("pushing image %q: the name has no tag", name)
	}
	img := &Image{Host: r.Host(), Repository: repository, Tag: tag, Layers: layers}

	var err error
	img.Manifest, img.Config, err = r.pushManifest(img, runtime.GOARCH, layers)
	if err != nil {
		return nil, fmt.Errorf("pushing image %q: %w", name, err)
	}
	img.Root = img.Manifest
	if !o.singleManifest {
		if img.Root, err = r.pushIndex(img); err != nil {
			return nil, fmt.Errorf("pushing image %q: %w", name, err)
		}
	}
	for _, l := range layers {
		r.put(l.Digest, &content{mediaType: l.MediaType, size: l.Size, open: l.open})
	}
	r.tag(repository, tag, img.Root.Digest)
	return img, nil
}

func (r *Registry) pushIndex(img *Image) (ocispec.Descriptor, error) {
	foreign := "s390x"
	if runtime.GOARCH == foreign {
		foreign = "amd64"
	}
	other, _, err := r.pushManifest(img, foreign, nil)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return r.putJSON(ocispec.MediaTypeImageIndex, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{forPlatform(other, foreign), forPlatform(img.Manifest, runtime.GOARCH)},
	})
}

func forPlatform(d ocispec.Descriptor, arch string) ocispec.Descriptor {
	d.Platform = &ocispec.Platform{OS: "linux", Architecture: arch}
	return d
}

func (r *Registry) pushManifest(img *Image, arch string, layers []*Layer) (manifest, config ocispec.Descriptor, err error) {
	created := time.Now().UTC().Truncate(time.Second)
	c := ocispec.Image{
		Created:  &created,
		Platform: ocispec.Platform{OS: "linux", Architecture: arch},
		// The name makes configs differ even where all layers are shared.
		Config: ocispec.ImageConfig{Labels: map[string]string{ocispec.AnnotationTitle: img.Repository + ":" + img.Tag}},
		RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{}},
	}
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Layers:    []ocispec.Descriptor{},
	}
	for _, l := range layers {
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, l.DiffID)
		m.Layers = append(m.Layers, l.Descriptor)
	}
	if config, err = r.putJSON(ocispec.MediaTypeImageConfig, c); err != nil {
		return manifest, config, err
	}
	m.Config = config
	manifest, err = r.putJSON(ocispec.MediaTypeImageManifest, m)
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
