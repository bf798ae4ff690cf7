package pull

import (
	"maps"
	"time"

	"github.com/opencontainers/go-digest"
)

// takeover is an ingest that one pull left and another one writes.
type takeover struct {
	by   ID
	blob digest.Digest
	left int64 // By that were there
}

// takeOver finds the pulls whose ingest another one has taken over, before what came of it is
// taken for theirs: containerd lists an ingest in the lease of its writer, and goes on to list
// it in that of one that is dead. It is the one that lists it last that writes it.
func (t *Tracker) takeOver(o Observation) (found []takeover) {
	writers := make(map[claimKey][]*Reading)
	for i := range o.Pulls {
		r := &o.Pulls[i]
		h := t.pulls[r.ID]
		if _, over := t.ended[r.ID]; over || r.Gone || (h != nil && !h.left.IsZero()) {
			continue // it writes no more, whatever its lease lists
		}
		for d, b := range r.Blobs {
			if b.Opening && b.Ingest != nil {
				key := claimKey{r.ID.Namespace, d, false}
				writers[key] = append(writers[key], r)
			}
		}
	}
	for key, list := range writers {
		last := list[0]
		for _, r := range list[1:] {
			if t.wroteBefore(last, r, key.digest) {
				last = r
			}
		}
		found = append(found, t.resumed(last, key)...)
		for _, r := range list {
			started := r.Blobs[key.digest].Ingest.Started
			if r.ID.Lease == last.ID.Lease || !started.Equal(last.Blobs[key.digest].Ingest.Started) {
				continue
			}
			h := t.pulls[r.ID]
			if h == nil {
				h = newHistory(*r)
				t.lose(h, o.Time)
			}
			t.leave(h, o.Time)
			if b := h.blobs[key.digest]; b != nil {
				found = append(found, takeover{last.ID, key.digest, b.offset})
			}
		}
	}
	return found
}

// resumed are the abandoned pulls whose ingest a pull is seen with for the first time.
func (t *Tracker) resumed(by *Reading, key claimKey) (found []takeover) {
	if t.wrote(by, key.digest) {
		return nil
	}
	for _, h := range t.abandoned {
		b := h.blobs[key.digest]
		if h.id.Namespace == key.namespace && b != nil && b.sawOpen && b.started.Equal(by.Blobs[key.digest].Ingest.Started) {
			found = append(found, takeover{by.ID, key.digest, b.offset})
		}
	}
	return found
}

// wroteBefore tells whether a pull had the ingest of a blob before another one: it was seen
// with it before, or where both are seen for the first time it is the older one.
func (t *Tracker) wroteBefore(r, other *Reading, d digest.Digest) bool {
	if first, second := t.wrote(r, d), t.wrote(other, d); first != second {
		return first
	}
	return r.Created.Before(other.Created)
}

// wrote tells whether a pull was seen with the ingest of a blob.
func (t *Tracker) wrote(r *Reading, d digest.Digest) bool {
	h := t.pulls[r.ID]
	return h != nil && h.blobs[d] != nil && h.blobs[d].sawOpen
}

// resume lets what was there of an ingest that was taken over not be fetched again.
func (t *Tracker) resume(found []takeover) {
	bases := make(map[*blob]int64)
	for _, o := range found {
		if h := t.pulls[o.by]; h != nil && h.blobs[o.blob] != nil {
			b := h.blobs[o.blob]
			bases[b] = max(bases[b], o.left)
		}
	}
	for b, base := range bases {
		b.base, b.guessed = base, b.offset > base // the dead one may have written some of it
	}
}

// doubt tells whether a reading may not be of what the pull itself has done: another one has
// its ingests. Where no look saw the other one write, its commit tells: containerd takes an
// ingest from the lease of whoever commits it, in the same transaction (metadata/content.go:620
// @v2.4.2). A lease that lists the ingest of a blob that is there has not committed it, unless
// that came between the two questions of one look, so the next look must list it still. The
// pull may be nil.
func (t *Tracker) doubt(h *history, r Reading, o Observation) bool {
	listed := listedThoughThere(&r)
	switch {
	case h != nil && !h.left.IsZero():
		h.noteOthers(&r)
		return true
	case r.Gone || len(listed) == 0:
		delete(t.doubted, r.ID)
		return false
	}
	before, again := t.doubted[r.ID], false
	for d := range listed {
		if since, known := before[d]; known {
			listed[d] = since
			again = again || !o.Asked.Before(since)
		} else {
			listed[d] = o.Time
		}
	}
	t.doubted[r.ID] = listed
	switch {
	case !again:
	case h == nil:
		t.ended[r.ID] = o.Time
	default:
		t.leave(h, o.Time)
	}
	return true
}

// mayHaveTakenOver tells whether a pull has committed what another one was fetching, of which
// the next look will show that it is dead: how much of it this pull has fetched follows.
func (t *Tracker) mayHaveTakenOver(h *history) bool {
	for id := range t.doubted {
		other := t.pulls[id]
		if other == nil || other == h || other.id.Namespace != h.id.Namespace || !other.gone.IsZero() {
			continue
		}
		for d, b := range other.blobs {
			if own := h.blobs[d]; b.sawOpen && own != nil && !own.sawOpen && !own.committed.IsZero() && !own.cached(h.created) {
				return true
			}
		}
	}
	return false
}

// isDoubted tells whether what comes may be another pull's doing.
func (t *Tracker) isDoubted(h *history) bool {
	_, doubted := t.doubted[h.id]
	return doubted || !h.left.IsZero()
}

// listedThoughThere are the blobs that are there and whose ingest the lease lists.
func listedThoughThere(r *Reading) map[digest.Digest]time.Time {
	listed := make(map[digest.Digest]time.Time)
	if r.Root.Opening && !r.Root.Committed.IsZero() {
		listed[r.Image.Root] = time.Time{}
	}
	for d, b := range r.Blobs {
		if b.Opening && !b.Committed.IsZero() {
			listed[d] = time.Time{}
		}
	}
	return listed
}

// noteOthers notes how far the ingests of a pull have grown that another one writes: that is no
// movement of its own, also once the other one is gone.
func (h *history) noteOthers(r *Reading) {
	for d, read := range r.Blobs {
		if b := h.blobs[d]; b != nil && read.Ingest != nil {
			b.others = max(b.others, read.Ingest.Offset)
		}
	}
}

// withoutContent is a reading without what another pull may have done.
func withoutContent(r Reading) Reading {
	r.Root, r.Blobs, r.Chains = Blob{}, nil, nil
	return r
}

// leave takes note that another pull has what this one was fetching.
func (t *Tracker) leave(h *history, now time.Time) {
	h.left = now
	delete(t.doubted, h.id)
	maps.DeleteFunc(t.claims, func(_ claimKey, c claim) bool { return c.by == h.id && c.committed.IsZero() })
}

// takenOver are the pulls that were found to be taken over by an observation. They run no
// longer, and are told as ended when it is known that they did not just fail.
func (t *Tracker) takenOver(now time.Time, starts map[*blob]time.Time) (over []Pull) {
	for _, h := range byStart(maps.Values(t.pulls)) {
		if h.left.Equal(now) {
			p := t.view(h, h.moved, starts)
			p.close(h.abandonment())
			over = append(over, p)
		}
	}
	return over
}

// leaveTo lets what was there of the ingests that others have committed not be fetched by
// them.
func (t *Tracker) leaveTo(h *history, r *Reading) {
	for d, read := range r.Blobs {
		b := h.blobs[d]
		if b == nil || !b.sawOpen || !read.Opening || read.Committed.IsZero() {
			continue
		}
		for _, other := range t.pulls {
			if o := other.blobs[d]; o != nil && other != h && other.id.Namespace == h.id.Namespace && !o.sawOpen {
				o.base = max(o.base, b.offset)
			}
		}
		b.sawOpen = b.sawOpen && t.abandoned[h.id] != h // it is used up
	}
}

// writes tells whether a pull is seen with the ingest of a blob that another one holds.
func (h *history) writes(other *history) bool {
	for d, b := range h.blobs {
		if o := other.blobs[d]; other != h && other.id.Namespace == h.id.Namespace && o != nil && b.ours && b.opening && o.held {
			return true
		}
	}
	return false
}
