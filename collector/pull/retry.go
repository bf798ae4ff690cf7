package pull

import (
	"time"

	"github.com/opencontainers/go-digest"
)

// A retry may begin so soon after a pull that failed that one look finds the end of
// the one and what the other has fetched. Until it is known that the first has
// failed, that is the first one's: both wait for it.

// anew tells whether a blob, or a chain, of a pull came to the node by one that
// began when this one was last listed already.
func (t *Tracker) anew(h *history, d digest.Digest, came time.Time) bool {
	for _, other := range t.pulls {
		if other.retries(h) && other.holds(d) && !came.Before(other.created) {
			return true
		}
	}
	return false
}

// contested tells whether a blob or chain of this pull may have come by an earlier
// one, which is gone, and of which it is not known yet whether it failed.
func (t *Tracker) contested(h *history) bool {
	for _, first := range t.pulls {
		if _, doubted := t.doubted[first.id]; doubted && first.writes(h) {
			return true
		}
		if first.gone.IsZero() || first.record != nil || !h.retries(first) {
			continue
		}
		for d, b := range h.blobs {
			if f := first.blobs[d]; f != nil && f.ours && !b.ours && b.held && !b.committed.Before(h.created) {
				return true
			}
		}
		for id, c := range h.chains {
			if f := first.chains[id]; f != nil && f.ours && !c.ours && c.held && !c.committed.Before(h.created) {
				return true
			}
		}
	}
	return false
}

// retries tells whether this pull began after another one was last listed.
func (h *history) retries(first *history) bool {
	return h != first && h.id.Namespace == first.id.Namespace && h.created.After(first.listed)
}

// holds tells whether the lease lists a blob, or the snapshot with a chain ID.
func (h *history) holds(d digest.Digest) bool {
	b, c := h.blobs[d], h.chains[d]
	return (b != nil && b.held) || (c != nil && c.held)
}
