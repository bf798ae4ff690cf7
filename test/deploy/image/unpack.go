package image

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Unpack unpacks the image in an archive for a platform, as linux/amd64, into the folder
// fs, and returns its configuration.
func Unpack(archive, platform, fs string) (ocispec.Image, error) {
	var config ocispec.Image
	blobs, err := os.MkdirTemp("", "pulltrace-image-")
	if err != nil {
		return config, err
	}
	defer os.RemoveAll(blobs)
	if err := untar(archive, blobs); err != nil {
		return config, err
	}
	var index ocispec.Index
	if err := readJSON(filepath.Join(blobs, ocispec.ImageIndexFile), &index); err != nil {
		return config, err
	}
	manifest, err := find(blobs, index, platform)
	if err != nil {
		return config, err
	}
	if err := os.MkdirAll(fs, 0o755); err != nil {
		return config, err
	}
	for _, layer := range manifest.Layers {
		if err := untar(blobPath(blobs, layer.Digest), fs); err != nil {
			return config, err
		}
	}
	return config, readJSON(blobPath(blobs, manifest.Config.Digest), &config)
}

// find returns the manifest for a platform, of an index or of one inside it: an archive
// of several platforms has an index of its own around the image's.
func find(blobs string, index ocispec.Index, platform string) (ocispec.Manifest, error) {
	var manifest ocispec.Manifest
	for _, d := range index.Manifests {
		path := blobPath(blobs, d.Digest)
		if d.MediaType == ocispec.MediaTypeImageIndex {
			var inner ocispec.Index
			if err := readJSON(path, &inner); err != nil {
				return manifest, err
			}
			return find(blobs, inner, platform)
		}
		if d.Platform != nil && d.Platform.OS+"/"+d.Platform.Architecture == platform {
			return manifest, readJSON(path, &manifest)
		}
	}
	return manifest, fmt.Errorf("the archive has no image for %s", platform)
}

func blobPath(layout string, dgst digest.Digest) string {
	return filepath.Join(layout, ocispec.ImageBlobsDir, dgst.Algorithm().String(), dgst.Encoded())
}

func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func untar(archive, dir string) error {
	if out, err := exec.Command("tar", "-xf", archive, "-C", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("unpacking %s: %w\n%s", archive, err, out)
	}
	return nil
}
