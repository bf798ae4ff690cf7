package buildkit

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// rootOf returns the digest of the one image that an OCI layout has.
func rootOf(layout string) (digest.Digest, error) {
	text, err := os.ReadFile(filepath.Join(layout, ocispec.ImageIndexFile))
	if err != nil {
		return "", err
	}
	var index ocispec.Index
	if err := json.Unmarshal(text, &index); err != nil {
		return "", err
	}
	if n := len(index.Manifests); n != 1 {
		return "", fmt.Errorf("%s has %d images", layout, n)
	}
	return index.Manifests[0].Digest, nil
}
