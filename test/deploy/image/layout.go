package image

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// layout makes the folder out an OCI layout of one image, whose one layer is what is
// in fs.
func layout(ctx context.Context, out, fs string, environment []string) error {
	if err := os.MkdirAll(filepath.Join(out, ocispec.ImageBlobsDir, "sha256"), 0o755); err != nil {
		return err
	}
	unnamed := filepath.Join(out, "layer.tar")
	if _, err := run(ctx, fs, "tar", "--numeric-owner", "--owner=0", "--group=0", "-cf", unnamed, "."); err != nil {
		return err
	}
	layer, err := describe(unnamed)
	if err != nil {
		return err
	}
	if err := os.Rename(unnamed, blobPath(out, layer.Digest)); err != nil {
		return err
	}
	config, err := writeJSON(out, ocispec.MediaTypeImageConfig, ocispec.Image{
		Platform: ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH},
		Config:   ocispec.ImageConfig{Env: environment},
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}},
	})
	if err != nil {
		return err
	}
	manifest, err := writeJSON(out, ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    config,
		Layers:    []ocispec.Descriptor{layer},
	})
	if err != nil {
		return err
	}
	index, err := json.Marshal(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{manifest},
	})
	if err != nil {
		return err
	}
	version := []byte(`{"imageLayoutVersion":"` + ocispec.ImageLayoutVersion + `"}`)
	if err := os.WriteFile(filepath.Join(out, ocispec.ImageLayoutFile), version, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, ocispec.ImageIndexFile), index, 0o644)
}

func describe(layer string) (ocispec.Descriptor, error) {
	f, err := os.Open(layer)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	dgst, err := digest.FromReader(f)
	return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: dgst, Size: info.Size()}, err
}

func writeJSON(out, mediaType string, v any) (ocispec.Descriptor, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(text), Size: int64(len(text))}
	return d, os.WriteFile(blobPath(out, d.Digest), text, 0o644)
}
