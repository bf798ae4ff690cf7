package judge

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// root is the index or manifest that the name of an image resolved to, and what was
// concluded of the pull that brings it.
type root struct {
	digest  digest.Digest
	created time.Time // of the pull
	late    bool      // the pull began before created
	found   time.Time // by the first look that saw it

	reported bool // as a pull
	over     bool // reported as gone, or not to be reported
	fetched  bool // known to come from a registry

	also []digest.Digest // manifests that containerd made of this one, which it records instead

	image    pull.Image
	manifest *pull.Manifest
	brought  map[digest.Digest]bool  // manifests that it is made of
	count    int                     // layers of the first of those
	rest     map[digest.Digest]int64 // blobs of layers that are reported in sums, with their sizes
}

// findRoots finds the roots of a lease: the blobs that refer to others, that none refers
// to, and that were visited since the lease was created. Labels come a moment after the
// blob, so where one is listed of which nothing is known, no further root is found as long
// as the lease is there. Until a root is reported it may turn out to be a part of something
// larger: an import may hold what had been pulled, and writes its index last.
func (k *Look) findRoots(l *lease) []*root {
	k.askContent(l)
	referred := k.referred(l)
	var roots []*root
	for _, r := range l.roots {
		if r.reported || r.over || !referred[r.digest] {
			known := *r
			roots = append(roots, &known)
		}
	}
	found, unknown := k.candidates(l, referred)
	if unknown && !l.gone() {
		return roots
	}
	for _, d := range found {
		if k.original(l, d) != "" {
			continue
		}
		if slices.ContainsFunc(roots, func(r *root) bool { return r.digest == d }) || k.isMade(l, d) {
			continue
		}
		r := &root{digest: d, created: l.created, found: k.now}
		if len(roots) > 0 {
			r.created, r.late = k.visitedAt(l, d), true
		}
		roots = append(roots, r)
	}
	for _, d := range found {
		noteMade(roots, k.original(l, d), d)
	}
	return roots
}

// askContent asks for the blobs that the lease lists and that may be roots: not for those
// that a manifest says are layers or configs. Those that have no labels yet, or were not
// visited yet, are asked for again.
func (k *Look) askContent(l *lease) {
	parts := make(map[digest.Digest]bool)
	for _, doc := range l.documents {
		if doc.Config != nil {
			for _, d := range doc.refers() {
				parts[d] = true
			}
		}
	}
	for d := range l.content {
		known := l.infos[d]
		if known != nil && known.Digest != "" && !l.visited(d) {
			l.unvisited[d] = true
		}
		switch {
		case parts[d]:
		case known != nil && (len(children(known.Labels)) == 0 || !l.visited(d)) && (l.gone() || (known.isDue(k.now, len(l.content)) && (!l.same || !l.isDormant(k.now)))):
			k.freshInfo(l, d)
		default:
			k.info(l, d)
		}
	}
}

// referred are the blobs that others of the lease refer to, as their labels and their
// content say. The labels of a manifest leave out the layers where those are thrown away
// once they are unpacked (images.ChildGCLabelsFilterLayers, mediatypes.go:236 @v2.4.2).
func (k *Look) referred(l *lease) map[digest.Digest]bool {
	referred := make(map[digest.Digest]bool)
	for d, known := range l.infos {
		refs := children(known.Labels)
		for _, ref := range refs {
			referred[ref] = true
		}
		if len(refs) > 0 && fromRegistry(known.Labels) && l.visited(d) {
			k.document(l, d)
		}
	}
	for _, doc := range l.documents {
		for _, d := range doc.refers() {
			referred[d] = true
		}
	}
	return referred
}

// candidates are the blobs of a lease that may be roots, in the order in which they were
// visited. Unknown tells that it lists others of which nothing is known.
func (k *Look) candidates(l *lease, referred map[digest.Digest]bool) (found []digest.Digest, unknown bool) {
	for d := range l.content {
		info := l.info(d)
		switch {
		case referred[d], info.Digest != "" && (!l.visited(d) || k.isVisitOfAnother(l, d)):
		case len(children(info.Labels)) > 0:
			found = append(found, d)
		default:
			unknown = true
		}
	}
	for d, kind := range l.ingests {
		if (kind == "index" || kind == "manifest") && !referred[d] && !slices.Contains(found, d) {
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b digest.Digest) int {
		return cmp.Or(k.visitedAt(l, a).Compare(k.visitedAt(l, b)), cmp.Compare(a, b))
	})
	return found, unknown
}

// original is the manifest that containerd made another one of, because its config says no
// media type; empty where a manifest was fetched. Both refer to the same blobs, and the image
// is recorded under the one that was made (core/remotes/docker/converter.go @v2.4.2).
func (k *Look) original(l *lease, made digest.Digest) digest.Digest {
	info := l.info(made)
	if fromRegistry(info.Labels) {
		return ""
	}
	refers := refersTo(children(info.Labels))
	for d, doc := range l.documents {
		if d != made && doc.Config != nil && maps.Equal(refers, refersTo(doc.refers())) {
			return d
		}
	}
	return ""
}

// noteMade notes a manifest that containerd made of the one that is a root.
func noteMade(roots []*root, original, made digest.Digest) {
	for _, r := range roots {
		if r.digest == original && !slices.Contains(r.also, made) {
			r.also = append(slices.Clone(r.also), made)
		}
	}
}

// learnRecorded notes such a manifest that the lease was not seen to list, by the image
// record that names it.
func (k *Look) learnRecorded(l *lease, r *root) {
	if !r.mayBeRemade() {
		return
	}
	for _, record := range k.namespace.records {
		made := record.Image.Root
		if record.Time.Before(r.created) || l.goneBefore(record.Time) || k.info(l, made).Digest == "" {
			continue
		}
		if k.original(l, made) == r.digest {
			noteMade([]*root{r}, r.digest, made)
		}
	}
}

// mayBeRemade tells whether containerd makes another manifest of the one that is a root.
func (r *root) mayBeRemade() bool {
	return r.manifest != nil && r.manifest.Config.MediaType == "application/octet-stream"
}

// remadeTime is how long a pull whose lease is gone goes on, so that the record comes that
// names the manifest which containerd has made: nothing else does.
const remadeTime = time.Second

// awaitsRecord tells whether the record of a pull whose lease is gone may still come, under a
// manifest that is not known yet.
func (k *Look) awaitsRecord(l *lease, r *root) bool {
	return r.mayBeRemade() && len(r.also) == 0 && l.gone() && !l.lost && k.now.Sub(l.goneAt) < remadeTime &&
		k.isRecorded(l, r.digest, r.created).IsZero()
}

func refersTo(refs []digest.Digest) map[digest.Digest]bool {
	set := make(map[digest.Digest]bool, len(refs))
	for _, d := range refs {
		set[d] = true
	}
	return set
}

// isMade tells whether a root was made on this node, by a build, a commit or a conversion,
// which may have the source label of what it was made of: a pull fetches a root before what
// the root refers to, who makes one writes it last. What came before the root by another pull
// does not count, be its lease known or not: by then something comes after the root, too.
func (k *Look) isMade(l *lease, d digest.Digest) bool {
	root := l.info(d)
	if kind := l.kinds[d]; root.Digest == "" || root.CreatedAt.Before(l.created) || kind == "index" || kind == "manifest" {
		return false
	}
	isMade := false
	for _, ref := range children(root.Labels) {
		part := k.part(l, ref)
		if part.Digest != "" && !part.CreatedAt.Before(l.created) && part.CreatedAt.Before(root.CreatedAt) && !k.isOfAnother(l, ref) {
			isMade = true
		}
	}
	for d := range l.content {
		if l.info(d).CreatedAt.After(root.CreatedAt) {
			return false
		}
	}
	return isMade
}

// part is a blob that a root refers to, zero where the lease does not list it.
func (k *Look) part(l *lease, d digest.Digest) content.Info {
	if !l.content[d] {
		return content.Info{}
	}
	return k.info(l, d)
}

// isOfAnother tells whether another lease lists a blob, or has listed it.
func (k *Look) isOfAnother(l *lease, d digest.Digest) bool {
	for _, other := range k.namespace.leases {
		if other != l && other.lists(d) {
			return true
		}
	}
	return slices.ContainsFunc(l.roots, func(r *root) bool { return r.brings(d) })
}

// brings tells whether a blob is of the manifest of a root.
func (r *root) brings(d digest.Digest) bool {
	if r.manifest == nil {
		return false
	}
	return r.manifest.Config.Digest == d || slices.ContainsFunc(r.manifest.Layers, func(l pull.Descriptor) bool { return l.Digest == d })
}

// visited tells whether a committed blob was written since the lease was created, or its
// labels were.
func (l *lease) visited(d digest.Digest) bool {
	info := l.info(d)
	return l.wasOpen(d) || !info.CreatedAt.Before(l.created) || !info.UpdatedAt.Before(l.created)
}

// isVisitOfAnother tells whether it was rather the pull of another lease that visited a root:
// docker save keeps an image from the creation of its lease on, and lists nothing new when
// that is pulled again meanwhile. A pull goes on to what the root refers to.
func (k *Look) isVisitOfAnother(l *lease, d digest.Digest) bool {
	return l.unvisited[d] && !l.grownAt.After(l.info(d).UpdatedAt) && k.isOfAnother(l, d)
}

// visitedAt is when a root was first seen to be written under the lease.
func (k *Look) visitedAt(l *lease, d digest.Digest) time.Time {
	info := l.info(d)
	for _, at := range []time.Time{k.ingests[d].StartedAt, info.CreatedAt, info.UpdatedAt} {
		if !at.IsZero() && !at.Before(l.created) {
			return at
		}
	}
	return k.now
}

// nameTime is how long a pull waits for the labels that name its image: they
// come a moment after its root, and the name that is reported first stays.
const nameTime = time.Second

// learn completes what is known of a root: whether it comes from a registry, its name, and
// its manifest.
func (k *Look) learn(l *lease, r *root) {
	r.image.Root = r.digest
	if _, opening := l.ingests[r.digest]; opening && !r.fetched {
		r.fetched = !k.hasParts(l)
	}
	if r.image.Name == "" {
		k.learnName(l, r)
	}
}

// hasParts tells whether anything else was written under the lease that is of no other
// root. A pull begins with its root. Who makes an image, by an import or a build, writes
// the parts first.
func (k *Look) hasParts(l *lease) bool {
	of := make(map[digest.Digest]bool)
	for _, doc := range l.documents {
		for _, d := range doc.refers() {
			of[d] = true
		}
	}
	for _, r := range l.roots {
		of[r.digest] = true
	}
	for d := range l.content {
		if info := l.info(d); !of[d] && (info.Digest == "" || l.visited(d)) {
			return true
		}
	}
	return false
}

// learnName takes the name of the image from the labels of its root. A root that
// was there before may still have the labels of earlier pulls only; this pull's
// is among them when a later step of it is seen, for the label is written before
// anything below the root is asked for (client/pull.go:264 @v2.4.2).
func (k *Look) learnName(l *lease, r *root) {
	info := k.freshInfo(l, r.digest)
	if info.Digest == "" {
		return
	}
	switch {
	case fromRegistry(info.Labels):
		r.fetched = true
	case l.gone(), k.now.Sub(info.CreatedAt) > nameTime:
		r.fetched = false // written by hand, under a name that pulls use
	}
	if info.CreatedAt.Before(l.created) && !l.listsBelow(r.digest) {
		return
	}
	r.image = sourceName(info.Labels)
	r.image.Root = r.digest
}

// isPull tells whether a root comes from a registry, and has a name or no hope of one.
// What was reported as a pull is one until its lease goes: on a slow disk the labels of a
// root come when nobody waits for them any more.
func (k *Look) isPull(l *lease, r *root) bool {
	if r.reported {
		return true
	}
	named := r.image.Name != "" || l.gone() || k.now.Sub(r.found) > nameTime
	return r.fetched && !l.authored && named
}
