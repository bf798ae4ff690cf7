package containerd

import (
	"math"
	"slices"

	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// chosen is the manifest of the index that this pull brings, empty as long as
// that is open. Some clients fetch the manifests and configs of all platforms
// (cmd/ctr/commands/images/pull.go:145 @v2.4.2): the layers and snapshots that
// the lease lists then tell. A lease that was seen too late to list any has the
// manifest of this node's platform.
func (k *look) chosen(l *lease) (digest.Digest, error) {
	best, most := digest.Digest(""), 0
	listed := l.listedManifests()
	for _, m := range listed {
		doc, ok, err := k.document(l, m)
		if err != nil {
			return "", err
		}
		if !ok {
			continue
		}
		brought, err := k.brought(l, doc)
		if err != nil {
			return "", err
		}
		if brought == 0 && len(listed) == 1 && doc.Config != nil && l.lists(doc.Config.Digest) {
			brought = 1
		}
		if brought > 0 && brought == len(doc.Layers) {
			brought = math.MaxInt // whole
		}
		if brought > most {
			best, most = m, brought
		}
	}
	if best == "" && l.gone {
		if len(listed) == 1 {
			return listed[0], nil
		}
		return nodeManifest(l.index.Manifests), nil
	}
	return best, nil
}

// readFurther adds what the pull brings of further manifests of the index: those
// all of whose layers the lease lists.
func (k *look) readFurther(l *lease) error {
	if l.index == nil {
		return nil
	}
	for _, m := range l.index.Manifests {
		if l.brought[m.Digest] || !l.lists(m.Digest) {
			continue
		}
		doc, ok, err := k.document(l, m.Digest)
		if err != nil {
			return err
		}
		if further := doc.manifest(); ok && further != nil && l.brings(further) {
			all := *l.manifest
			all.Configs = append(slices.Clone(all.Configs), further.Config)
			all.Layers = append(slices.Clone(all.Layers), further.Layers...)
			l.manifest = &all
			l.brought[m.Digest] = true
			l.further += len(further.Layers)
		}
	}
	return nil
}

// brings tells whether the lease lists all layers of a manifest, and one at least
// that is not of the manifests that it is known to bring.
func (l *lease) brings(m *pull.Manifest) bool {
	isNew := false
	for _, d := range m.Layers {
		if !l.lists(d.Digest) {
			return false
		}
		isNew = isNew || !slices.Contains(l.manifest.Layers, d)
	}
	return isNew
}

// brought is how many layers of a manifest the lease lists, as blobs or as
// snapshots.
func (k *look) brought(l *lease, doc document) (n int, err error) {
	for _, layer := range doc.Layers {
		if l.lists(layer.Digest) {
			n++
		}
	}
	if n > 0 || doc.Config == nil || len(l.chains) == 0 {
		return n, nil
	}
	config, ok, err := k.small(l, doc.Config.Digest)
	if err != nil || !ok {
		return 0, err
	}
	ids, err := parseChainIDs(config, len(doc.Layers))
	if err != nil {
		return 0, nil //nolint:nilerr // a config that is none: nothing of it is unpacked
	}
	for _, id := range ids {
		if l.chains[id] {
			n++
		}
	}
	return n, nil
}

// listedManifests are the images of the index that the lease lists, that of this
// node's platform first.
func (l *lease) listedManifests() []digest.Digest {
	var listed []digest.Digest
	node := nodeManifest(l.index.Manifests)
	if node != "" && l.lists(node) && !l.unusable[node] {
		listed = append(listed, node)
	}
	anyPlatform := slices.ContainsFunc(l.index.Manifests, hasPlatform)
	for _, m := range l.index.Manifests {
		if m.Digest != node && l.lists(m.Digest) && !l.unusable[m.Digest] && hasPlatform(m) == anyPlatform && !isAttestation(m) {
			listed = append(listed, m.Digest)
		}
	}
	return listed
}

// hasPlatform tells the images in an index from what refers to them, like a
// signature: where some have a platform, what has none is no image. containerd
// fetches it with any (images.FilterPlatforms, handlers.go:376 @v2.4.2).
func hasPlatform(d ocispec.Descriptor) bool { return d.Platform != nil }

// lists tells whether the lease lists a blob or its ingest.
func (l *lease) lists(d digest.Digest) bool {
	_, opening := l.ingests[d]
	return opening || l.content[d]
}

// isAttestation tells the manifests in an index that are not images but say
// something about one.
func isAttestation(d ocispec.Descriptor) bool {
	return d.Annotations["vnd.docker.reference.type"] == "attestation-manifest"
}

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
