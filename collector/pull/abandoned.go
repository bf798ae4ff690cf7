package pull

import (
	"maps"
	"time"

	"github.com/opencontainers/go-digest"
)

// A client that is killed in mid-pull leaves its lease, for as long as that does not expire:
// 8 hours for Docker, 24 for others. Nothing tells that nobody is behind it any more. A pull
// is taken for abandoned as soon as another one writes its ingests, which have one writer
// (core/content/helpers.go:148 @v2.4.2), or after a long time in which it did not move.

const (
	// abandonAfter is for how long a pull may not move.
	abandonAfter = 5 * time.Minute
	// abandonUnpacking is the same of one that has fetched all: a layer that is unpacked
	// shows no sign of it until it is done.
	abandonUnpacking = 30 * time.Minute
	// The pulls of the orchestrator end by themselves: the CRI cancels what gets no byte for
	// 5 minutes (image_pull_progress_timeout).
	abandonOrchestrated          = 15 * time.Minute
	abandonOrchestratedUnpacking = time.Hour

	// abandonTakenOver is how long a pull stays whose ingest another one writes. One that
	// fails lets go of its ingests a moment before its lease goes.
	abandonTakenOver = 5 * time.Second

	// longestLook is what the time between two observations counts for at most: what was not
	// looked at may have moved.
	longestLook = time.Minute
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
			if b.Held && b.Ingest != nil {
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
// ingest from the lease of whoever commits it, in the same transaction (metadata/content.go:668
// @v2.4.2). A lease that lists the ingest of a blob that is there has not committed it, unless
// that came between the two questions of one look. The pull may be nil.
func (t *Tracker) doubt(h *history, r Reading, o Observation) bool {
	switch {
	case h != nil && !h.left.IsZero():
		return true
	case r.Gone || !r.lists():
		delete(t.doubted, r.ID)
		return false
	}
	since, before := t.doubted[r.ID]
	switch {
	case !before:
		t.doubted[r.ID] = o.Time
	case o.Asked.Before(since):
	case h == nil:
		t.ended[r.ID] = o.Time
	default:
		t.leave(h, o.Time)
		t.leaveTo(h, r)
	}
	return true
}

// isDoubted tells whether what comes may be another pull's doing.
func (t *Tracker) isDoubted(h *history) bool {
	_, doubted := t.doubted[h.id]
	return doubted || !h.left.IsZero()
}

// lists tells whether the lease lists the ingest of a blob that is there.
func (r *Reading) lists() bool {
	listed := r.Root.Opening && !r.Root.Committed.IsZero()
	for _, b := range r.Blobs {
		listed = listed || (b.Opening && !b.Committed.IsZero())
	}
	return listed
}

// withoutContent is a reading without what another pull may have done.
func (r Reading) withoutContent() Reading {
	r.Root, r.Blobs, r.Chains = Blob{}, nil, nil
	return r
}

// leave takes note that another pull has what this one was fetching.
func (t *Tracker) leave(h *history, now time.Time) {
	h.left = now
	delete(t.doubted, h.id)
	maps.DeleteFunc(t.claims, func(_ claimKey, c claim) bool { return c.by == h.id && c.committed.IsZero() })
}

// leaveTo lets what was there of the ingests that others have committed not be fetched by
// them.
func (t *Tracker) leaveTo(h *history, r Reading) {
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

// quieten notes for how long the pulls were seen not to move, with what has passed since the
// observation before. One that is seen for the first time goes by what is stored.
func (h *history) quieten(now time.Time, passed time.Duration, seenBefore bool) {
	quiet := now.Sub(h.moved)
	if seenBefore {
		quiet = min(quiet, h.quiet+min(passed, longestLook))
	}
	h.quiet = max(quiet, 0)
}

// isAbandoned tells whether nobody drives a pull any more.
func (t *Tracker) isAbandoned(h *history, now time.Time, starts map[*blob]time.Time) bool {
	switch {
	case !h.left.IsZero():
		return now.Sub(h.left) >= abandonTakenOver
	case h.quiet < abandonAfter:
		return false
	}
	p := t.view(h, now, starts)
	limit := abandonAfter
	switch unpacks := p.Phase == Unpacking; {
	case h.orchestrated && len(p.Pods) > 0:
		return false
	case h.orchestrated && unpacks:
		limit = abandonOrchestratedUnpacking
	case h.orchestrated:
		limit = abandonOrchestrated
	case unpacks:
		limit = abandonUnpacking
	}
	return h.quiet >= max(limit, 2*t.stallAfter)
}

// abandon tells the pulls that nobody drives any more, for the last time. One that was so
// when it was first seen is not told at all: an earlier process has told it, or nobody has
// seen it run.
func (t *Tracker) abandon(o Observation, passed time.Duration, began map[*history]bool, starts map[*blob]time.Time) (ended []Pull) {
	for _, h := range byStart(maps.Values(t.pulls)) {
		if !h.listed.Equal(o.Asked) {
			continue // it is over, or was not looked at
		}
		h.quieten(o.Time, passed, !began[h])
		if !t.isAbandoned(h, o.Time, starts) {
			continue
		}
		t.abandoned[h.id] = h
		if began[h] {
			delete(began, h)
			t.lose(h, o.Time)
			continue
		}
		ended = append(ended, t.finish(h, ending{at: h.moved, outcome: Unknown, estimated: true, err: ErrAbandoned}, o.Time, starts))
	}
	return ended
}

// lose lets go of a pull.
func (t *Tracker) lose(h *history, now time.Time) {
	delete(t.pulls, h.id)
	t.ended[h.id] = now
}
