package pull

import (
	"maps"
	"time"
)

// attribute adds what events told to each history, and decides which pull
// brought each blob and snapshot to the node. Bytes exist once: of pulls that
// share a blob, one fetched it and the others found it.
func (t *Tracker) attribute(now time.Time) {
	for _, h := range t.pulls {
		t.handOver(h)
	}
	for _, h := range byStart(maps.Values(t.pulls)) {
		if t.isDoubted(h) {
			continue
		}
		until := now
		if !h.gone.IsZero() {
			until = h.gone // what came later another pull did
		}
		for _, b := range h.before {
			if at := t.journal.first(mark{h.id.Namespace, BlobCommitted, b.Digest}, b.opened, b.committed); !at.IsZero() {
				b.committed = at
			}
		}
		for d, b := range h.blobs {
			told := mark{h.id.Namespace, BlobCommitted, d}
			if b.committed.IsZero() && (!b.opening || !h.gone.IsZero()) { // else it may be another one's commit
				b.committed = t.journal.first(told, later(h.created, b.opened), until)
			}
			t.claimBlob(h, b)
			if at := t.journal.first(told, b.committed, until); b.ours && !b.committed.IsZero() && !at.IsZero() {
				b.shown = at
			}
		}
		if h.manifest == nil {
			continue
		}
		for i, d := range h.manifest.Layers {
			id, c := h.chainOf(i)
			if c == nil {
				continue
			}
			if c.committed.IsZero() {
				c.committed = t.journal.first(mark{h.id.Namespace, SnapshotCommitted, id}, h.created, until)
			}
			t.claimChain(h, claimKey{h.id.Namespace, id, true}, c, h.blobs[d.Digest])
		}
	}
	for _, h := range t.pulls {
		h.waits = t.contested(h) || t.mayHaveTakenOver(h)
	}
}

// handOver notes what a pull that is gone left in its ingests: one that goes on
// with them does not fetch it again.
func (t *Tracker) handOver(h *history) {
	if h.gone.IsZero() || !h.left.IsZero() {
		return
	}
	for d, b := range h.blobs {
		if !b.sawOpen || !b.committed.IsZero() {
			continue
		}
		for _, other := range t.pulls {
			o := other.blobs[d]
			if o != nil && other.id.Namespace == h.id.Namespace && other.gone.IsZero() && o.started.Equal(b.started) {
				o.base, o.guessed = max(o.base, b.offset), true // containerd may have written more as it gave up
			}
		}
	}
}

// claimBlob gives a blob to the pull whose lease listed its ingest: containerd
// lists an ingest in the lease of the one pull that writes it. Where no poll saw
// the ingest, the pull that began first and holds the blob has fetched it; what
// a lease held at its end no poll saw.
func (t *Tracker) claimBlob(h *history, b *blob) {
	key := claimKey{h.id.Namespace, b.Digest, false}
	switch {
	case b.ours:
	case b.committed.IsZero(), b.cached(h.created), t.claimed(key, b.committed):
		return
	case (!b.held || !b.stored) && h.gone.IsZero():
		return
	case !b.held && t.fetchedBeside(h, b):
		return
	}
	b.ours = true
	t.claims[key] = claim{h.id, b.committed}
}

// fetchedBeside tells whether a blob that this pull's lease was never seen to hold
// came while another pull ran that does hold it.
func (t *Tracker) fetchedBeside(h *history, b *blob) bool {
	for _, other := range t.pulls {
		if o := other.blobs[b.Digest]; o != nil && other.id.Namespace == h.id.Namespace && o.held && !b.committed.Before(other.created) {
			return true
		}
	}
	return false
}

// claimChain gives a snapshot that was committed while the pull ran to the pull
// that fetched the layer, or else to the first one that holds it.
func (t *Tracker) claimChain(h *history, key claimKey, c *chain, b *blob) {
	switch {
	case c.ours, c.committed.IsZero(), c.committed.Before(h.created), t.claimed(key, c.committed):
		return
	case !c.held && h.gone.IsZero():
		return
	}
	if c.lazy = t.lazy(h, key, c, b); c.lazy {
		return
	}
	if !b.ours && !b.committed.IsZero() && !b.cached(h.created) {
		return // the pull that fetches the layer unpacks it
	}
	c.ours = true
	t.claims[key] = claim{h.id, c.committed}
}

// lazy tells whether a remote snapshotter brought a snapshot that was committed
// while the pull ran: no blob was there to unpack, and neither a begin nor an end
// of unpacking was told. The snapshotter answers that the snapshot exists, and
// containerd tells no event of that (metadata/snapshot.go:383 @v2.4.2). A lease
// that lists the snapshot would list its blob, too; what one held at its end no
// poll saw, and then events must have come.
func (t *Tracker) lazy(h *history, key claimKey, c *chain, b *blob) bool {
	if b.held || b.ours || b.open || !b.committed.IsZero() {
		return false
	}
	for _, kind := range []EventKind{SnapshotPrepared, SnapshotCommitted} {
		if !t.journal.last(mark{key.namespace, kind, key.digest}, h.created, c.committed.Add(sameCommit)).IsZero() {
			return false
		}
	}
	return c.held || len(t.records(h)) > 0
}

// sameCommit is how far apart containerd's record of a commit and its event are
// at most.
const sameCommit = 5 * time.Millisecond

// claimed tells whether another pull made this very commit. One that is gone makes
// none.
func (t *Tracker) claimed(key claimKey, committed time.Time) bool {
	c, found := t.claims[key]
	if by := t.pulls[c.by]; found && c.committed.IsZero() && by != nil && !by.gone.IsZero() {
		return !committed.After(by.gone)
	}
	return found && (c.committed.IsZero() || committed.Before(c.committed.Add(sameCommit)))
}

// schedule infers when each blob that is being fetched, or was, got its
// download slot. A blob that still waits is not in the answer.
func (t *Tracker) schedule() map[*blob]time.Time {
	all := append([]*transfer(nil), t.past...)
	for _, h := range t.pulls {
		all = append(all, h.transfers(t.givenUp(h))...)
	}
	schedule(all, t.slots)
	starts := make(map[*blob]time.Time, len(all))
	for _, tr := range all {
		if tr.start.IsZero() {
			continue
		}
		starts[tr.blob] = tr.start
		if tr.isSettled(t.observed) {
			tr.blob.slot = tr.start
		}
	}
	return starts
}

// unsettle lets it be inferred again when each blob got its slot, after it was found that
// there are more slots.
func (t *Tracker) unsettle() {
	for _, h := range t.pulls {
		h.root.slot = time.Time{}
		for _, b := range h.before {
			b.slot = time.Time{}
		}
		for _, b := range h.blobs {
			b.slot = time.Time{}
		}
	}
}

// transfers are the blobs that this pull fetches or has fetched. Those that are
// unfinished ended with the pull, if it has ended.
func (h *history) transfers(ended time.Time) []*transfer {
	var list []*transfer
	add := func(b *blob) {
		if !b.ours {
			return
		}
		tr := &transfer{blob: b, opened: h.openedAt(b), end: b.done(), start: b.slot, settled: !b.slot.IsZero()}
		if tr.end.IsZero() {
			tr.end = ended
		}
		list = append(list, tr)
	}
	add(&h.root)
	for _, b := range h.before {
		add(b)
	}
	for _, b := range h.blobs {
		add(b)
	}
	return list
}

// openedAt is when the blob's ingest was opened. Where no poll saw it, it is
// taken that layers are opened as soon as the config has come, but not before a
// poll that did not find it: up to containerd 2.0 a layer that waits for a slot
// has no ingest.
func (h *history) openedAt(b *blob) time.Time {
	if !b.opened.IsZero() {
		return b.opened
	}
	opened := later(h.created, h.root.committed)
	if h.manifest != nil {
		if config := h.blobs[h.manifest.Config.Digest]; config != nil && config != b {
			opened = later(opened, config.committed)
		}
	}
	opened = later(opened, b.missing)
	if !b.committed.IsZero() {
		opened = earlier(opened, b.committed)
	}
	return opened
}
