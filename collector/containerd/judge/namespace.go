package judge

import (
	"slices"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// criNamespace is where the CRI pulls images (constants.K8sContainerdNamespace,
// internal/cri/constants/constants.go:26 @v2.4.2).
const criNamespace = "k8s.io"

// Daemon is one run of a containerd.
type Daemon struct {
	UUID string // of all runs

	// Began is when the pulls of an earlier run were over, at the latest. Leases that are
	// older were left by it, for up to 24 hours.
	Began time.Time
}

// Namespace is what is known of the leases of one namespace of one containerd.
type Namespace struct {
	name     string
	platform platforms.MatchComparer // of images that run on this node
	since    time.Time               // when it was met

	leases  map[leaseKey]*lease
	ingests ingests                     // at the last look
	records []Record                    // that events reported lately
	unread  []Record                    // those that no look has been at
	ended   map[digest.Digest]time.Time // roots of pulls that are gone: when the last one was
	looks   int                         // how many were begun
}

// ingests are open ones by the digest of their blob.
type ingests map[digest.Digest]content.Status

// NewNamespace returns a namespace that is met at a time, of a node that runs images of
// a platform.
func NewNamespace(name string, platform platforms.MatchComparer, now time.Time) *Namespace {
	return &Namespace{
		name: name, platform: platform, since: now,
		leases: make(map[leaseKey]*lease), ended: make(map[digest.Digest]time.Time),
	}
}

// Hold takes note of a lease and what it holds, which may be gone at the next look.
func (n *Namespace) Hold(seen Listed, daemon Daemon) {
	n.meet(seen, daemon).hold(seen.Resources, seen.Asked)
}

// meet is what is known of a lease that is listed.
func (n *Namespace) meet(seen Listed, daemon Daemon) *lease {
	key := keyOf(seen.Lease)
	l := n.leases[key]
	if l == nil {
		l = newLease(seen.Lease)
		l.leftover = l.created.Before(daemon.Began) || l.hasExpired(seen.Asked)
		n.leases[key] = l
	}
	return l
}

// Waits tells whether there is anything to look at, beside leases that are listed.
func (n *Namespace) Waits() bool {
	for _, l := range n.leases {
		if !l.closed {
			return true
		}
	}
	return len(n.unread) > 0
}

// Listing is what containerd lists in a namespace.
type Listing struct {
	Daemon  Daemon
	Now     time.Time // after the leases were listed
	Leases  []Listed
	Ingests []content.Status
}

// Look is one look at a namespace.
type Look struct {
	namespace *Namespace
	daemon    Daemon
	platform  platforms.MatchComparer
	number    int
	now       time.Time
	ingests   ingests
	held      map[digest.Digest]bool // blobs that some lease lists

	leases   []*lease
	standIns []*standIn
	results  map[*lease]result
	read     map[*standIn][]pull.Reading
	wants    []Want
	wanted   map[Want]bool // those of wants
	closing  bool          // nothing is wanted any more
}

// result is what a look has concluded of a lease.
type result struct {
	roots     []*root
	readings  []pull.Reading
	candidate bool // it may turn out to be a pull
}

// Look begins a look at what is listed. Leases that are known and no longer listed are gone.
func (n *Namespace) Look(listing Listing) *Look {
	n.looks++
	k := &Look{
		namespace: n, daemon: listing.Daemon, platform: n.platform, number: n.looks, now: listing.Now,
		ingests: make(ingests), held: make(map[digest.Digest]bool),
		results: make(map[*lease]result), read: make(map[*standIn][]pull.Reading),
	}
	for _, st := range listing.Ingests {
		if _, d, ok := refDigest(st.Ref); ok {
			k.ingests[d] = st
		}
	}
	listed := make(map[leaseKey]bool, len(listing.Leases))
	for _, item := range listing.Leases {
		key := keyOf(item.Lease)
		listed[key] = true
		if known := n.leases[key]; known == nil || !known.gone() {
			if !item.Same {
				n.Hold(item, listing.Daemon)
			}
			n.leases[key].same = item.Same
			n.leases[key].expire(k.ingests, k.now)
		}
	}
	for key, l := range n.leases {
		if !listed[key] {
			l.leave(k.now)
			if l.leftover || (l.closed && k.now.Sub(l.goneAt) > rememberTime) {
				delete(n.leases, key)
				continue
			}
		}
		for d := range l.content {
			k.held[d] = true
		}
		if !l.leftover && !l.closed {
			k.leases = append(k.leases, l)
		}
	}
	for _, r := range n.unread {
		probe := newLease(leases.Lease{CreatedAt: r.Time})
		k.standIns = append(k.standIns, &standIn{record: r, probe: probe})
	}
	return k
}

// Wants are what has to be answered by [Look.Take] before the readings are complete; none
// if they are.
func (k *Look) Wants() []Want {
	k.wants, k.wanted = nil, make(map[Want]bool)
	for _, l := range k.leases {
		if len(l.content)+len(l.ingests) > 0 || !l.gone() {
			k.conclude(l)
		}
	}
	if len(k.wants) > 0 {
		return k.wants
	}
	for _, l := range k.leases { // those that went without a root: others may have the records
		k.conclude(l)
	}
	if len(k.wants) > 0 {
		return k.wants
	}
	for _, s := range k.standIns {
		if _, done := k.read[s]; done {
			continue
		}
		before := len(k.wants)
		if readings := k.unseen(s); len(k.wants) == before {
			k.read[s] = readings
		}
	}
	return k.wants
}

// conclude judges a lease, unless that is done.
func (k *Look) conclude(l *lease) {
	if _, done := k.results[l]; done {
		return
	}
	before := len(k.wants)
	if r := k.judge(l); len(k.wants) == before {
		k.results[l] = r
	}
}

// rootsOf are the roots of a lease, as far as the look has come.
func (k *Look) rootsOf(l *lease) []*root {
	if r, done := k.results[l]; done {
		return r.roots
	}
	return l.roots
}

// judge concludes what a lease is, of what is known by now.
func (k *Look) judge(l *lease) (r result) {
	r.roots = k.findRoots(l)
	if len(r.roots) == 0 && l.gone() && len(l.content) == 0 {
		if d := k.unclaimedRoot(l); d != "" {
			r.roots = append(r.roots, &root{digest: d, created: l.created, found: k.now})
		}
	}
	for _, root := range r.roots {
		if root.over {
			continue
		}
		k.learn(l, root)
		if !k.isPull(l, root) {
			continue
		}
		end, early := k.endOf(l, root, r.roots)
		if early && !root.reported && end.Before(k.namespace.since) {
			root.over = true // before this process watched
			continue
		}
		k.learnManifest(l, root)
		k.learnRecorded(l, root)
		reading := k.reading(l, root, early)
		if k.awaitsRecord(l, root) {
			reading.Gone = false
		}
		r.readings = append(r.readings, reading)
		root.reported, root.over = true, reading.Gone
	}
	holds := l.count > 0 // else its name may still be resolved
	r.candidate = len(r.readings) == 0 && k.now.Sub(l.created) < candidateTime && (!holds || !l.isDormant(k.now))
	return r
}

// rememberTime is how long what a lease listed is remembered after its end, to tell what
// its pull fetched from what others made.
const rememberTime = time.Minute

// candidateTime is how long a lease without a root is looked at closely.
// Registries are given up long before.
const candidateTime = 5 * time.Minute

// endOf is when a pull ended whose lease goes on with another one: its image was recorded.
func (k *Look) endOf(l *lease, r *root, all []*root) (at time.Time, ended bool) {
	if len(all) < 2 || l.gone() {
		return at, false
	}
	at = k.isRecorded(l, r.digest, r.created)
	return at, !at.IsZero()
}

// reading is what the lease shows of the pull of one root.
func (k *Look) reading(l *lease, r *root, ended bool) pull.Reading {
	reading := pull.Reading{
		ID: pull.ID{
			Daemon: k.daemon.UUID, Namespace: k.namespace.name,
			Lease: l.id, Created: l.created.UnixNano(), Root: r.digest,
		},
		Created:      r.created,
		StartUnknown: r.late,
		Gone:         l.gone() || ended,
		Lost:         l.lostAt(),
		Listed:       l.askedAt,
		Image:        r.image,
		AlsoRoots:    r.also,
		Manifest:     r.manifest,
		Root:         k.blob(l, r.digest),
		Orchestrated: k.namespace.name == criNamespace,
	}
	k.readBlobs(l, r, &reading)
	k.readChains(l, r, &reading)
	if l.gone() {
		for _, d := range append([]digest.Digest{r.digest}, r.also...) {
			reading.Records = append(reading.Records, k.recordsOf(l, d, r.created)...)
		}
	}
	return reading
}

// Readings are the pulls of the namespace, and how many leases may turn out to be pulls.
// Where not all that was wanted was answered, a pull that was reported before is as far as
// that is known, and is not gone.
func (k *Look) Readings() (readings []pull.Reading, candidates int) {
	k.closing = true
	for _, l := range k.leases {
		r, done := k.results[l]
		if !done {
			readings = append(readings, k.unfinished(l)...)
			candidates++
			continue
		}
		readings = append(readings, r.readings...)
		if r.candidate {
			candidates++
		}
	}
	for _, s := range k.standIns {
		readings = append(readings, k.read[s]...)
	}
	return readings, candidates
}

// unfinished are the pulls of a lease of which not all is known.
func (k *Look) unfinished(l *lease) (readings []pull.Reading) {
	for _, r := range l.roots {
		if r.reported && !r.over {
			reading := k.reading(l, r, false)
			reading.Gone, reading.Lost = false, time.Time{}
			readings = append(readings, reading)
		}
	}
	return readings
}

// Done ends a look whose readings were handed over: what is gone is forgotten.
func (k *Look) Done() {
	n := k.namespace
	n.ingests = k.ingests
	for _, l := range k.leases {
		r, done := k.results[l]
		if !done {
			continue
		}
		l.roots = r.roots
		runs := slices.ContainsFunc(r.readings, func(r pull.Reading) bool { return !r.Gone })
		if l.gone() && !runs && (len(r.readings) > 0 || k.now.Sub(l.goneAt) > recordTime) {
			n.close(l)
		}
	}
	for _, s := range k.standIns {
		if readings, done := k.read[s]; done {
			n.unread = slices.DeleteFunc(n.unread, func(r Record) bool { return r == s.record })
			if len(readings) > 0 {
				n.ended[s.record.Image.Root] = k.now
			}
		}
	}
	n.forgetRoots(k.now)
}

// close lets go of a lease whose pulls are over. One that may still be listed is kept, so
// that it is not taken for a new one.
func (n *Namespace) close(l *lease) {
	for _, r := range l.roots {
		n.ended[r.digest] = l.goneAt
	}
	l.closed = true
	l.facts = newFacts()
}
