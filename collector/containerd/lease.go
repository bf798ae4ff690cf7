package containerd

import (
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// lease is what is known of one lease that is, or may turn out to be, a pull.
type lease struct {
	id      string
	created time.Time
	gone    bool
	goneAt  time.Time // first seen without it
	askedAt time.Time // when its resources were last asked for
	lost    bool      // containerd itself ended then

	// leftover tells that nobody is behind the lease: it is of an earlier run
	// of containerd, and nothing was added to it since it was first read.
	leftover bool
	listed   int // content and chains, when it was first read

	// What it lists, and has listed: resources leave the list when a blob
	// is committed or a snapshot renamed.
	content     map[digest.Digest]bool
	ingests     map[digest.Digest]string // with the kind that the ref tells
	chains      map[digest.Digest]bool
	snapshotter string

	authored bool // somebody makes content under it

	root     digest.Digest
	rootedAt time.Time // when the root was found
	told     bool      // as a pull of this root
	fetched  bool      // its root is known to come from a registry
	image    pull.Image
	index    *document
	manifest *pull.Manifest
	brought  map[digest.Digest]bool // manifests that it is made of
	further  int                    // layers of those but the first

	infos    map[digest.Digest]content.Info // of blobs that are committed
	unpacked map[digest.Digest]time.Time    // chains that are committed
	probed   bool                           // all chains were asked for once
	wasOpen  map[digest.Digest]bool         // blobs whose ingest was seen
	shared   map[digest.Digest]bool         // blobs, whether another namespace had them
	unusable map[digest.Digest]bool         // documents that could not be read
	read     map[digest.Digest]document     // indexes and manifests
}

func newLease(l leases.Lease) *lease {
	return &lease{
		id: l.ID, created: l.CreatedAt, listed: -1,
		content:  make(map[digest.Digest]bool),
		ingests:  make(map[digest.Digest]string),
		chains:   make(map[digest.Digest]bool),
		infos:    make(map[digest.Digest]content.Info),
		unpacked: make(map[digest.Digest]time.Time),
		wasOpen:  make(map[digest.Digest]bool),
		shared:   make(map[digest.Digest]bool),
		unusable: make(map[digest.Digest]bool),
		read:     make(map[digest.Digest]document),
		brought:  make(map[digest.Digest]bool),
	}
}

// hold takes note of what the lease lists now.
func (l *lease) hold(resources []leases.Resource) {
	clear(l.ingests)
	for _, r := range resources {
		switch kind, snapshotter, _ := strings.Cut(r.Type, "/"); kind {
		case "content":
			if d, ok := parseDigest(r.ID); ok {
				l.content[d] = true
			}
		case "ingests":
			if kind, d, ok := refDigest(r.ID); ok {
				l.ingests[d] = kind
				l.wasOpen[d] = true
			}
			l.authored = l.authored || !strings.Contains(r.ID, ":") // who pulls knows the digest
		case "snapshots":
			l.snapshotter = snapshotter
			if id, ok := parseDigest(r.ID); ok { // an active one has a key
				l.chains[id] = true
			}
		}
	}
	l.revive(len(l.content) + len(l.chains))
}

// revive takes note of how much a lease lists. One that was taken for a leftover
// is none if that grows; its ingests do not tell, for another pull may write
// what they began.
func (l *lease) revive(listed int) {
	if l.listed >= 0 && listed > l.listed {
		l.leftover = false
	}
	l.listed = listed
}

// leave takes note that the lease is no longer listed.
func (l *lease) leave(now time.Time) {
	if !l.gone {
		l.gone, l.goneAt = true, now
	}
}

// lose takes note that the containerd that ran the pull has ended, and the pull
// with it, though its lease may stay.
func (l *lease) lose(at time.Time) {
	if !l.gone {
		l.leave(at)
		l.lost = true
	}
}

// lostAt is when the containerd that ran the pull was lost, zero if it was not.
func (l *lease) lostAt() time.Time {
	if l.lost {
		return l.goneAt
	}
	return time.Time{}
}

// goneBefore tells that what happened at a time was done by another pull.
func (l *lease) goneBefore(at time.Time) bool { return l.gone && at.After(l.goneAt) }

// findRoot finds the index or manifest that the name resolved to: the one blob
// that refers to others and that none refers to. Labels come a moment after the
// blob, so a blob that nothing is known of may still be the root, as long as
// the lease is there. Until the pull is told the root may turn out to be a part of
// something larger: an import may hold what had been pulled, and writes its index
// last.
func (l *lease) findRoot() {
	if l.told {
		return
	}
	referred := make(map[digest.Digest]bool)
	for _, info := range l.infos {
		for _, d := range children(info.Labels) {
			referred[d] = true
		}
	}
	var roots []digest.Digest
	unknown, fetched := false, false
	for d := range l.content {
		switch {
		case referred[d]:
		case len(children(l.infos[d].Labels)) > 0:
			roots = append(roots, d)
		default:
			unknown = true
		}
	}
	for d, kind := range l.ingests {
		if (kind == "index" || kind == "manifest") && !referred[d] {
			roots = append(roots, d)
			// A pull begins with its root. Who makes an image, by an import or a
			// build, writes the parts first.
			fetched = len(l.content) == 0
		}
	}
	switch {
	case len(roots) > 1:
		l.takeRoot("")
	case len(roots) == 1 && (!unknown || l.gone):
		l.takeRoot(roots[0])
	}
	l.fetched = l.fetched || fetched
}

// takeRoot makes a blob the root, and forgets what was known of another one.
func (l *lease) takeRoot(root digest.Digest) {
	if root != l.root {
		l.root, l.rootedAt, l.fetched = root, time.Time{}, false
		l.image, l.index, l.manifest, l.further = pull.Image{}, nil, nil, 0
		clear(l.brought)
	}
}

// belowRoot tells whether the lease lists anything but its root: the pull has come to
// what that refers to.
func (l *lease) belowRoot() bool {
	listed := len(l.content) + len(l.ingests)
	if l.content[l.root] {
		listed--
	}
	if _, open := l.ingests[l.root]; open {
		listed--
	}
	return listed > 0 || l.snapshotter != ""
}

// recordTime is how long a lease that went without a root waits for the image
// event that may tell it: events and polls come over two connections.
const recordTime = 250 * time.Millisecond

// nameTime is how long a pull waits for the labels that name its image: they
// come a moment after its root, and the name that is told first stays.
const nameTime = time.Second

// isPull tells whether the lease has a root that comes from a registry, and a
// name or no hope of one. What was told as a pull is one until its lease goes: on a
// slow disk the labels of a root come when nobody waits for them any more.
func (l *lease) isPull(now time.Time) bool {
	if l.told {
		return true
	}
	named := l.image.Name != "" || l.gone || now.Sub(l.rootedAt) > nameTime
	return l.root != "" && l.fetched && !l.authored && named
}

func (l *lease) waitedForRecord(now time.Time) bool {
	return now.Sub(l.goneAt) > recordTime
}
