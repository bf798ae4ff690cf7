package judge

import (
	"cmp"
	"slices"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/opencontainers/go-digest"
)

// Which leases are to be asked for what they hold, and which need not be.

// Knows tells whether a lease was looked at before.
func (n *Namespace) Knows(l leases.Lease) bool { return n.leases[keyOf(l)] != nil }

// IsPull tells whether a lease is known to be that of a pull.
func (n *Namespace) IsPull(l leases.Lease) bool {
	known := n.leases[keyOf(l)]
	return known != nil && len(known.roots) > 0
}

// SortByNeed sorts leases by how much it matters to ask for what they hold now: those of pulls
// first, then those that were never asked for, then by when they were.
func (n *Namespace) SortByNeed(list []leases.Lease) {
	asked := func(l leases.Lease) time.Time {
		if known := n.leases[keyOf(l)]; known != nil && len(known.roots) == 0 {
			return known.askedAt
		}
		return time.Time{}
	}
	rank := func(l leases.Lease) int {
		if n.IsPull(l) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(list, func(a, b leases.Lease) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), asked(a).Compare(asked(b)))
	})
}

// IsQuiet tells that a lease need not be asked for what it holds: it is known, is no pull
// and lists nothing new.
func (n *Namespace) IsQuiet(l leases.Lease, now time.Time) bool {
	known := n.leases[keyOf(l)]
	return known != nil && known.isQuiet(now)
}

// IsDormant tells that a lease is no pull, as far as is known, and has listed nothing new for
// some time.
func (n *Namespace) IsDormant(l leases.Lease, now time.Time) bool {
	known := n.leases[keyOf(l)]
	return known != nil && known.isDormant(now)
}

// EachDormant calls f with each lease that is dormant.
func (n *Namespace) EachDormant(now time.Time, f func(id string, created int64)) {
	for key, l := range n.leases {
		if l.isDormant(now) {
			f(key.id, key.created)
		}
	}
}

// HasNew tells that a listing has an ingest of a root that no lease lists, as far as they
// were asked, and that was not there at the last look.
func (n *Namespace) HasNew(listing Listing) bool {
	held := make(map[digest.Digest]bool)
	anySame := false
	for _, item := range listing.Leases {
		anySame = anySame || item.Same
		for _, r := range item.Resources {
			if _, d, ok := refDigest(r.ID); ok {
				held[d] = true
			}
		}
	}
	return anySame && slices.ContainsFunc(listing.Ingests, func(st content.Status) bool {
		kind, d, ok := refDigest(st.Ref)
		_, before := n.ingests[d]
		return ok && (kind == "index" || kind == "manifest") && !held[d] && !before
	})
}
