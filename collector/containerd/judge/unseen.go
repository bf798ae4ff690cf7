package judge

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// rootMemory is how long the root of a pull that is gone is remembered, and how
// old one may be that no pull is known of.
const rootMemory = 5 * time.Minute

// standIn stands in for the lease of a pull whose image was recorded and whose lease
// nobody saw: on a busy machine one may come and go before an event of it has led to a
// look, and up to containerd 2.0 nothing tells of a pull that only fetches until its image
// is recorded.
type standIn struct {
	record Record
	probe  *lease // its root is asked for
	lease  *lease // once it is known when the root came; nil if there is no such pull
}

// unseen makes readings of the pulls that nobody saw. Only those that fetched or unpacked
// something are reported: when a pull of what was there began, nothing tells.
func (k *Look) unseen(s *standIn) []pull.Reading {
	if s.lease == nil {
		s.lease = k.standInLease(s)
	}
	if s.lease == nil {
		return nil
	}
	result := k.judge(s.lease)
	var readings []pull.Reading
	for _, reading := range result.readings {
		if broughtAny(reading) {
			reading.StartUnknown = true
			readings = append(readings, reading)
		}
	}
	return readings
}

// standInLease is the lease of a pull that nobody saw, from when its root had come: nil if
// there was a lease, or no pull.
func (k *Look) standInLease(s *standIn) *lease {
	root := s.record.Image.Root
	if k.isListed(s) {
		return nil
	}
	info := k.freshInfo(s.probe, root)
	if info.Digest == "" || !isOf(s.record.Image, info.Labels) {
		return nil
	}
	// A root that was there has been visited since.
	since := slices.MaxFunc([]time.Time{k.namespace.since, k.now.Add(-rootMemory), k.namespace.ended[root]}, time.Time.Compare)
	began := info.CreatedAt
	if !began.After(since) {
		began = info.UpdatedAt
	}
	if !began.After(since) || began.After(s.record.Time) {
		return nil
	}
	l := newLease(leases.Lease{ID: fmt.Sprintf("%s@%d", root, began.UnixNano()), CreatedAt: began})
	l.content[root] = true
	l.infos[root] = s.probe.infos[root]
	l.leave(k.now)
	return l
}

// isListed tells whether a lease is known to bring the root of a record, or an earlier
// record of this look does: a second record of a pull tells of no second pull.
func (k *Look) isListed(s *standIn) bool {
	d := s.record.Image.Root
	for _, l := range k.namespace.leases {
		if !l.closed && (l.content[d] || slices.ContainsFunc(k.rootsOf(l), func(r *root) bool { return r.digest == d })) {
			return true
		}
	}
	for _, other := range k.standIns {
		if other == s {
			return false
		}
		if other.lease != nil && other.record.Image.Root == d {
			return true
		}
	}
	return false
}

// broughtAny tells whether a pull has brought anything to the node beside its root, which
// somebody may have made here of what there was.
func broughtAny(r pull.Reading) bool {
	since := func(at time.Time) bool { return !at.Before(r.Created) }
	for _, b := range r.Blobs {
		if since(b.Committed) {
			return true
		}
	}
	for _, c := range r.Chains {
		if since(c.Created) {
			return true
		}
	}
	return false
}

// forgetRoots drops the roots of pulls that have long been gone.
func (n *Namespace) forgetRoots(now time.Time) {
	maps.DeleteFunc(n.ended, func(_ digest.Digest, gone time.Time) bool { return now.Sub(gone) > rootMemory })
}
