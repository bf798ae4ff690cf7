package judge

import (
	"maps"
	"math"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pulltrace/pulltrace/collector/limits"
	"github.com/pulltrace/pulltrace/collector/pull"
)

// chosen is the manifest of the index that this pull brings, nil as long as that is open.
// Some clients fetch the manifests and configs of all platforms
// (cmd/ctr/commands/images/pull.go:145 @v2.4.2): the layers and snapshots that
// the lease lists then tell. A lease that was seen too late to list any has the
// manifest of this node's platform.
func (k *Look) chosen(l *lease, index *document) (best digest.Digest) {
	most := 0
	all := k.manifests(l, index)
	listed := k.listedManifests(l, all)
	for _, m := range listed {
		doc := k.document(l, m)
		if doc == nil || doc.Config == nil {
			continue
		}
		brought := k.brought(l, doc)
		if brought == 0 && len(listed) == 1 && l.lists(doc.Config.Digest) {
			brought = 1
		}
		if brought > 0 && brought == len(doc.Layers) {
			brought = math.MaxInt // whole
		}
		if brought > most {
			best, most = m, brought
		}
	}
	if best == "" && l.gone() {
		if len(listed) == 1 {
			return listed[0]
		}
		return k.nodeManifest(all)
	}
	return best
}

// manifests are the manifests of an index, and of the indexes in it. One of an index
// without a platform of its own has that of the index.
func (k *Look) manifests(l *lease, index *document) []ocispec.Descriptor {
	var all []ocispec.Descriptor
	seen := make(map[digest.Digest]bool)
	var add func(list []ocispec.Descriptor, platform *ocispec.Platform, depth int)
	add = func(list []ocispec.Descriptor, platform *ocispec.Platform, depth int) {
		for _, m := range list {
			if m.Platform == nil {
				m.Platform = platform
			}
			switch doc := l.documents[m.Digest]; {
			case seen[m.Digest]:
			case doc == nil && l.lists(m.Digest) && isIndexType(m.MediaType):
				k.document(l, m.Digest)
			case doc != nil && doc.isIndex() && depth < limits.IndexDepth:
				seen[m.Digest] = true
				add(doc.Manifests, m.Platform, depth+1)
			default:
				seen[m.Digest] = true
				all = append(all, m)
			}
		}
	}
	add(index.Manifests, nil, 0)
	return all
}

func isIndexType(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageIndex || mediaType == "application/vnd.docker.distribution.manifest.list.v2+json"
}

// learnManifest reads the index, the manifest and the config, each as soon as it is in
// the content store.
func (k *Look) learnManifest(l *lease, r *root) {
	top := k.document(l, r.digest)
	if top == nil || top.isNone() {
		return
	}
	if r.manifest == nil {
		d := r.digest
		if top.isIndex() {
			d = k.chosen(l, top)
		}
		doc := k.document(l, d)
		if d == "" || doc == nil || doc.Config == nil {
			return
		}
		r.manifest, r.rest = doc.manifest(), doc.rest.sizes
		r.count = len(doc.Layers) + doc.rest.Layers
		r.brought = map[digest.Digest]bool{d: true}
	}
	if top.isIndex() {
		k.learnFurther(l, r, top)
	}
	if r.manifest.ChainIDs != nil {
		return
	}
	if ids, known := k.chains(l, r.manifest.Config.Digest, r.count); known && ids != nil {
		withChains := *r.manifest
		withChains.ChainIDs = ids
		r.manifest = &withChains
	}
}

// learnFurther adds what the pull brings of further manifests of the index: those
// all of whose layers the lease lists.
func (k *Look) learnFurther(l *lease, r *root, index *document) {
	for _, m := range k.manifests(l, index) {
		if r.brought[m.Digest] || !l.lists(m.Digest) {
			continue
		}
		doc := k.document(l, m.Digest)
		if doc == nil || doc.Config == nil {
			continue
		}
		if l.brings(r, doc.manifest()) {
			r.bring(m.Digest, doc)
		}
	}
}

// bring adds a further manifest, whose layers are in the rest where there are too many.
func (r *root) bring(d digest.Digest, doc *document) {
	all := *r.manifest
	all.Configs = append(slices.Clone(all.Configs), descriptor(*doc.Config))
	all.Layers = slices.Clone(all.Layers)
	fits := min(max(limits.Layers-len(all.Layers), 0), len(doc.Layers))
	for _, layer := range doc.Layers[:fits] {
		all.Layers = append(all.Layers, descriptor(layer))
	}
	more := rest{all.Rest, maps.Clone(r.rest)}
	more.add(doc.Layers[fits:])
	more.addRest(doc.rest)
	all.Rest = more.Rest
	r.manifest, r.rest = &all, more.sizes
	r.brought = maps.Clone(r.brought)
	r.brought[d] = true
}

// brings tells whether the lease lists all layers of a manifest, and one at least
// that is not of the manifests that its pull is known to bring.
func (l *listed) brings(r *root, m *pull.Manifest) bool {
	known := make(map[digest.Digest]bool, len(r.manifest.Layers))
	for _, d := range r.manifest.Layers {
		known[d.Digest] = true
	}
	isNew := false
	for _, d := range m.Layers {
		if !l.lists(d.Digest) {
			return false
		}
		isNew = isNew || !known[d.Digest]
	}
	return isNew
}

// brought is how many layers of a manifest the lease lists, as blobs or as
// snapshots.
func (k *Look) brought(l *lease, doc *document) (n int) {
	for _, layer := range doc.Layers {
		if l.lists(layer.Digest) {
			n++
		}
	}
	if n > 0 || len(l.chains) == 0 {
		return n
	}
	ids, _ := k.chains(l, doc.Config.Digest, len(doc.Layers)+doc.rest.Layers)
	for _, id := range ids {
		if l.chains[id] {
			n++
		}
	}
	return n
}

// listedManifests are the images among the manifests that the lease lists, that of this
// node's platform first.
func (k *Look) listedManifests(l *lease, all []ocispec.Descriptor) []digest.Digest {
	var listed []digest.Digest
	usable := func(d digest.Digest) bool { doc := l.documents[d]; return doc == nil || !doc.isNone() }
	node := k.nodeManifest(all)
	if node != "" && l.lists(node) && usable(node) {
		listed = append(listed, node)
	}
	anyPlatform := slices.ContainsFunc(all, hasPlatform)
	for _, m := range all {
		if m.Digest != node && l.lists(m.Digest) && usable(m.Digest) && hasPlatform(m) == anyPlatform && !isAttestation(m) {
			listed = append(listed, m.Digest)
		}
	}
	return listed
}

// hasPlatform tells the images in an index from what refers to them, like a
// signature: where some have a platform, what has none is no image. containerd
// fetches it with any (images.FilterPlatforms, handlers.go:376 @v2.4.2).
func hasPlatform(d ocispec.Descriptor) bool { return d.Platform != nil }

// isAttestation tells the manifests in an index that are not images but say
// something about one.
func isAttestation(d ocispec.Descriptor) bool {
	return d.Annotations["vnd.docker.reference.type"] == "attestation-manifest"
}

// nodeManifest is the manifest of an index that containerd picks on this node,
// empty if there is none.
func (k *Look) nodeManifest(manifests []ocispec.Descriptor) digest.Digest {
	node := k.platform
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
