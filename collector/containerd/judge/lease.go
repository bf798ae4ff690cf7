package judge

import (
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/limits"
)

// Listed is a lease that containerd lists, and what it holds.
type Listed struct {
	Lease     leases.Lease
	Same      bool      // its resources were not asked for: nothing new is expected
	Asked     time.Time // when its resources were asked for
	Resources []leases.Resource
}

const (
	// expireLabel is on each lease that expires by itself. Containers hold leases without
	// it for as long as they run (sandbox_run.go:97 @v2.4.2).
	expireLabel = "containerd.io/gc.expire"

	// builderLabel is on the leases under which BuildKit resolves an image. Its layers
	// lie under other leases, most of which do not expire (util/leaseutil/manager.go
	// @buildkit v0.34.2).
	builderLabel = "buildkit/lease.temporary"
)

// PullLeases filters those leases that may be pulls.
const PullLeases = `labels."` + expireLabel + `"`

// IsBuilders tells that a lease is a builder's, and so no pull.
func IsBuilders(l leases.Lease) bool { _, is := l.Labels[builderLabel]; return is }

// leaseKey is one lease: its ID may be used again when it is gone.
type leaseKey struct {
	id      string
	created int64 // Unix time in ns
}

func keyOf(l leases.Lease) leaseKey { return leaseKey{l.ID, l.CreatedAt.UnixNano()} }

// lease is what is known of one lease that is, or may turn out to be, a pull: what
// containerd listed of it, what was read for it, and what was concluded.
type lease struct {
	listed
	facts
	roots []*root
}

// listed is what containerd lists, and has listed, of a lease.
type listed struct {
	id      string
	created time.Time
	expires time.Time // zero where that is not known
	askedAt time.Time // when its resources were last asked for
	same    bool      // this look has not asked for them
	grownAt time.Time // when it was last seen to list more than before

	goneAt time.Time // first listing without it, or when it expired; zero while it is listed
	lost   bool      // containerd itself ended then
	closed bool      // every pull of it was reported as gone, though it may still be listed

	// leftover tells that nobody is behind the lease: it is of an earlier run of
	// containerd, or had expired when it was met, and nothing was added to it since.
	leftover bool
	count    int // content and chains, when it was last listed; -1 before

	// Resources leave the list when a blob is committed or a snapshot renamed.
	content     map[digest.Digest]bool
	ingests     map[digest.Digest]string // open now, with the kind that the ref says
	kinds       map[digest.Digest]string // of all ingests that it has listed
	chains      map[digest.Digest]bool
	snapshotter string

	authored bool // somebody makes content under it

	counted map[digest.Digest]bool // blobs that are reported of a pull whose manifest cannot be read
}

func newLease(l leases.Lease) *lease {
	expires, _ := time.Parse(time.RFC3339, l.Labels[expireLabel]) // zero if it is none
	return &lease{
		listed: listed{
			id: l.ID, created: l.CreatedAt, expires: expires, grownAt: l.CreatedAt, count: -1,
			content: make(map[digest.Digest]bool),
			ingests: make(map[digest.Digest]string),
			kinds:   make(map[digest.Digest]string),
			chains:  make(map[digest.Digest]bool),
		},
		facts: newFacts(),
	}
}

// gone tells that the lease is no longer listed, or that nobody is behind it.
func (l *listed) gone() bool { return !l.goneAt.IsZero() }

// A lease is dormant that is no pull, as far as is known, and has listed nothing new for
// some time. It is asked for its resources ever more rarely, and quiet in between.
const (
	quietAfter = 10 * time.Second
	quietShare = 8 // of the time without anything new
)

func (l *lease) isDormant(now time.Time) bool {
	return len(l.roots) == 0 && !l.gone() && now.Sub(l.grownAt) > quietAfter && l.count >= 0
}

func (l *lease) isQuiet(now time.Time) bool {
	still := now.Sub(l.grownAt)
	return l.isDormant(now) && now.Sub(l.askedAt) < min(max(still/quietShare, time.Second), limits.QuietLease)
}

// hold takes note of what the lease lists at a time.
func (l *listed) hold(resources []leases.Resource, asked time.Time) {
	l.askedAt = asked
	clear(l.ingests)
	for _, r := range resources {
		switch kind, snapshotter, _ := strings.Cut(r.Type, "/"); kind {
		case "content":
			if d, ok := ParseDigest(r.ID); ok {
				l.content[d] = true
			}
		case "ingests":
			if kind, d, ok := refDigest(r.ID); ok {
				l.ingests[d], l.kinds[d] = kind, kind
			}
			l.authored = l.authored || !strings.Contains(r.ID, ":") // who pulls knows the digest
		case "snapshots":
			l.snapshotter = snapshotter
			if id, ok := ParseDigest(r.ID); ok { // an active one has a key
				l.chains[id] = true
			}
		}
	}
	l.grow(len(l.content)+len(l.chains), asked)
}

// grow takes note of how much a lease lists. One that was taken for a leftover
// is none if that grows; its ingests do not tell, for another pull may write
// what they began.
func (l *listed) grow(count int, at time.Time) {
	if l.count >= 0 && count > l.count {
		l.grownAt = at
		l.leftover = false
	}
	l.count = count
}

// leave takes note that the lease ended at a time.
func (l *listed) leave(at time.Time) {
	if !l.gone() {
		l.goneAt = at
	}
}

// Lose takes note that the containerd that ran the pulls of the namespace ended at a time, but
// for those that the next one runs, which has begun since.
func (n *Namespace) Lose(at, began time.Time) {
	for _, l := range n.leases {
		if !l.created.After(began) {
			l.lose(at)
		}
	}
}

// lose takes note that the containerd that ran the pull has ended, and the pull
// with it, though its lease may stay.
func (l *listed) lose(at time.Time) {
	if !l.gone() {
		l.leave(at)
		l.lost = true
	}
}

// lostAt is when the containerd that ran the pull was lost, zero if it was not.
func (l *listed) lostAt() time.Time {
	if l.lost {
		return l.goneAt
	}
	return time.Time{}
}

// stillTime is how long a lease that has expired may show no sign before it is taken for
// over: whoever made it may still pull.
const stillTime = 3 * time.Second

func (l *listed) hasExpired(now time.Time) bool {
	return !l.expires.IsZero() && now.After(l.expires)
}

// expire ends a lease that has expired and shows no sign any more. containerd removes
// such a lease when it next collects garbage, which an idle node may not do for days
// (metadata/gc.go @v2.4.2).
func (l *listed) expire(open ingests, now time.Time) {
	if !l.hasExpired(now) {
		return
	}
	last := l.grownAt
	for d := range l.ingests {
		if st, is := open[d]; is && st.UpdatedAt.After(last) {
			last = st.UpdatedAt
		}
	}
	if now.Sub(last) > stillTime {
		if last.Before(l.expires) {
			last = l.expires
		}
		l.leave(last)
	}
}

// goneBefore tells that what happened at a time was done by another pull.
func (l *listed) goneBefore(at time.Time) bool { return l.gone() && at.After(l.goneAt) }

// goneAtLook tells that the lease was gone when something was asked: the answer is final.
func (l *listed) goneAtLook(asked time.Time) bool { return l.gone() && !asked.Before(l.goneAt) }

// lists tells whether the lease lists a blob or its ingest.
func (l *listed) lists(d digest.Digest) bool {
	_, opening := l.ingests[d]
	return opening || l.content[d]
}

// listsBelow tells whether the lease lists anything but a root that may have come by its
// pull: the pull has come to what the root refers to.
func (l *lease) listsBelow(root digest.Digest) bool {
	for d := range l.content {
		if d != root && (l.info(d).Digest == "" || l.visited(d)) {
			return true
		}
	}
	_, opening := l.ingests[root]
	return len(l.ingests) > 1 || (len(l.ingests) == 1 && !opening) || l.snapshotter != ""
}
