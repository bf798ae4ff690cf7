package containerd

import (
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// nodeManifest is the manifest of an index that containerd picks on this node,
// empty if there is none.
func nodeManifest(manifests []ocispec.Descriptor) digest.Digest {
	node := platforms.Default()
	var best *ocispec.Descriptor
	for i, m := range manifests {
		if m.Platform == nil || !node.Match(*m.Platform) {
			continue
		}
		if best == nil || node.Less(*m.Platform, *best.Platform) {
			best = &manifests[i]
		}
	}
	if best == nil {
		return ""
	}
	return best.Digest
}
