package containerd

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// rootKey is the root of an image in one namespace.
type rootKey struct {
	namespace string
	root      digest.Digest
}

// rootMemory is how long the root of a pull that is gone is remembered, and how
// old one may be that no pull is known of.
const rootMemory = 5 * time.Minute

// unseen reads the pulls whose image was recorded and whose lease nobody saw: on a
// busy machine one may come and go before an event of it has led to a look, and up
// to containerd 2.0 nothing tells of a pull that only fetches until its image is
// recorded. Only those that fetched or unpacked something are told: when a pull of
// what was there began, nothing tells.
func (k *look) unseen(records []record, known []*lease) ([]pull.Reading, error) {
	var readings []pull.Reading
	for _, r := range records {
		l, err := k.unseenLease(r, known)
		if err != nil {
			return nil, err
		}
		if l == nil {
			continue
		}
		reading, isPull, err := k.read(l)
		if err != nil {
			return nil, fmt.Errorf("image record of %s: %w", r.root, err)
		}
		if !isPull || !brought(reading) {
			continue
		}
		reading.StartUnknown = true
		readings = append(readings, reading)
		known = append(known, l) // a second record of it tells of no second pull
		k.source.over(k.namespace, l)
	}
	return readings, nil
}

// unseenLease stands in for the lease of a pull that nobody saw, from when its root
// had come: nil if there was a lease, or no pull.
func (k *look) unseenLease(r record, known []*lease) (*lease, error) {
	if slices.ContainsFunc(known, func(l *lease) bool { return l.root == r.root || l.content[r.root] }) {
		return nil, nil
	}
	info, err := k.source.client.content.Info(k.ctx, r.root)
	switch {
	case err != nil && broken(err):
		return nil, fmt.Errorf("asking for blob %s: %w", r.root, err)
	case err != nil:
		return nil, nil //nolint:nilerr // the blob is gone again
	case !fromRegistry(info.Labels):
		return nil, nil
	}
	// A root that was there has been visited since, see [look.visited].
	since := slices.MaxFunc([]time.Time{k.source.watching, k.now.Add(-rootMemory), k.source.ended[rootKey{k.namespace, r.root}]}, time.Time.Compare)
	began := info.CreatedAt
	if !began.After(since) {
		began = info.UpdatedAt
	}
	if !began.After(since) || began.After(r.time) {
		return nil, nil
	}
	l := newLease(leases.Lease{ID: fmt.Sprintf("%s@%d", r.root, began.UnixNano()), CreatedAt: began})
	l.content[r.root] = true
	l.infos[r.root] = info
	l.leave(k.now)
	return l, nil
}

// brought tells whether a pull has brought anything to the node.
func brought(r pull.Reading) bool {
	since := func(at time.Time) bool { return !at.Before(r.Created) }
	if since(r.Root.Committed) {
		return true
	}
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

// over remembers the root of a pull that is gone.
func (s *Source) over(ns string, l *lease) { s.ended[rootKey{ns, l.root}] = l.goneAt }

// forgetRoots drops the roots of pulls that have long been gone.
func (s *Source) forgetRoots(now time.Time) {
	maps.DeleteFunc(s.ended, func(_ rootKey, gone time.Time) bool { return now.Sub(gone) > rootMemory })
}
