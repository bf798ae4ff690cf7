package registry

import (
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// ImageOption changes how an image is made.
type ImageOption func(*imageOptions)

type imageOptions struct {
	singleManifest bool
	attested       bool
	referred       bool
	artifact       bool
	types          mediaTypes
	refName        string
	entrypoint     []string
	foreign        []*Layer // of the other platform's manifest
	nested         bool
	nestedPlatform *ocispec.Platform // on the entry of the inner index
	annotation     int               // bytes of it, in the manifest
	claims         int               // further layers, each of claimedSize
	claimedSize    int64
	zeros          bool // are what is served of them, or else nothing
}

type mediaTypes struct{ index, manifest, config string }

func newImageOptions(opts []ImageOption) imageOptions {
	o := imageOptions{types: mediaTypes{ocispec.MediaTypeImageIndex, ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageConfig}}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// SingleManifest leaves the index out: the tag names the manifest itself.
func SingleManifest() ImageOption {
	return func(o *imageOptions) { o.singleManifest = true }
}

// Docker gives index, manifest and config Docker's media types.
func Docker() ImageOption {
	return func(o *imageOptions) {
		o.types = mediaTypes{
			index:    "application/vnd.docker.distribution.manifest.list.v2+json",
			manifest: "application/vnd.docker.distribution.manifest.v2+json",
			config:   "application/vnd.docker.container.image.v1+json",
		}
	}
}

// Artifact makes no image but an artifact: its config is an empty object of this
// media type.
func Artifact(config string) ImageOption {
	return func(o *imageOptions) { o.artifact, o.types.config = true, config }
}

// ConfigType gives the config this media type, and leaves its content that of an image.
func ConfigType(mediaType string) ImageOption {
	return func(o *imageOptions) { o.types.config = mediaType }
}

// Nested puts the index into another one, which the tag names. The entry of the inner
// one has this platform, or none when it is nil.
func Nested(platform *ocispec.Platform) ImageOption {
	return func(o *imageOptions) { o.nested, o.nestedPlatform = true, platform }
}

// Annotated makes the manifest larger by an annotation of so many bytes.
func Annotated(bytes int) ImageOption {
	return func(o *imageOptions) { o.annotation = bytes }
}

// Claims adds layers to the manifest that only stand there, each with this size. A
// request for one of them is held for good.
func Claims(layers int, size int64) ImageOption {
	return func(o *imageOptions) { o.claims, o.claimedSize = layers, size }
}

// Zeros is Claims of layers that are served, as so many zero bytes. That is not what
// their digests are of: they are fetched for as long as it takes, and not kept.
func Zeros(layers int, size int64) ImageOption {
	return func(o *imageOptions) { o.claims, o.claimedSize, o.zeros = layers, size, true }
}

// Entrypoint is the command that a container of the image runs.
func Entrypoint(command ...string) ImageOption {
	return func(o *imageOptions) { o.entrypoint = command }
}

// Attested adds an attestation of the manifest to the index, as BuildKit does.
func Attested() ImageOption {
	return func(o *imageOptions) { o.attested = true }
}

// Referred adds to the index an artifact that refers to the manifest, like a
// signature: it has no platform and a subject.
func Referred() ImageOption {
	return func(o *imageOptions) { o.referred = true }
}

// RefName annotates each descriptor with org.opencontainers.image.ref.name.
func RefName(name string) ImageOption {
	return func(o *imageOptions) { o.refName = name }
}

// Foreign gives the manifest of the other platform these layers.
func Foreign(layers []*Layer) ImageOption {
	return func(o *imageOptions) { o.foreign = layers }
}

// named annotates descriptors with the ref name, if there is one.
func (o imageOptions) named(descriptors []ocispec.Descriptor) []ocispec.Descriptor {
	descriptors = slices.Clone(descriptors)
	for i := range descriptors {
		if o.refName != "" {
			descriptors[i].Annotations = map[string]string{ocispec.AnnotationRefName: o.refName}
		}
	}
	return descriptors
}

// claimed are the layers that only stand in the manifest.
func (o imageOptions) claimed(img *Image) []ocispec.Descriptor {
	descriptors := make([]ocispec.Descriptor, o.claims)
	for i := range descriptors {
		descriptors[i] = ocispec.Descriptor{
			MediaType: ocispec.MediaTypeImageLayerGzip,
			Digest:    digest.FromString(fmt.Sprint(img.Ref(), i)),
			Size:      o.claimedSize,
		}
	}
	return descriptors
}

func (r *Registry) pushAttestation(img *Image) (ocispec.Descriptor, error) {
	const inToto = "application/vnd.in-toto+json"
	statement, err := r.putJSON(inToto, map[string]string{"subject": img.Manifest.Digest.String()})
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	config, err := r.putJSON(ocispec.MediaTypeImageConfig, ocispec.Image{
		Platform: ocispec.Platform{OS: "unknown", Architecture: "unknown"},
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: nil},
	})
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	manifest, err := r.putJSON(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    config,
		Layers:    []ocispec.Descriptor{statement},
	})
	manifest.Platform = &ocispec.Platform{OS: "unknown", Architecture: "unknown"}
	manifest.Annotations = map[string]string{
		"vnd.docker.reference.type":   "attestation-manifest",
		"vnd.docker.reference.digest": img.Manifest.Digest.String(),
	}
	return manifest, err
}

func (r *Registry) pushReferrer(img *Image) (ocispec.Descriptor, error) {
	const signature = "application/vnd.example.signature.v1+json"
	layer, err := r.putJSON(signature, map[string]string{"signs": img.Manifest.Digest.String()})
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	config, err := r.putJSON(ocispec.MediaTypeEmptyJSON, struct{}{})
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	manifest, err := r.putJSON(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: signature,
		Config:       config,
		Layers:       []ocispec.Descriptor{layer},
		Subject:      &img.Manifest,
	})
	manifest.ArtifactType = signature
	return manifest, err
}
