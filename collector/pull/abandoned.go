package pull

import (
	"maps"
	"slices"
	"time"
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
		return t.waiters.closed || now.Sub(h.left) >= abandonTakenOver
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
	return h.quiet >= max(limit, 2*t.patience(h))
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
		ended = append(ended, t.finish(h, h.abandonment(), o.Time, starts))
	}
	return ended
}

// abandonment is the end of a pull that nobody drives any more.
func (h *history) abandonment() ending {
	return ending{at: h.moved, outcome: Unknown, estimated: true, err: ErrAbandoned}
}

// lose lets go of a pull.
func (t *Tracker) lose(h *history, now time.Time) {
	delete(t.pulls, h.id)
	t.ended[h.id] = now
}

// revive gives the readings of pulls that moved again after they were abandoned an ID of their
// own, and returns since when each such pull is one again: nobody tells when it began to move.
func (t *Tracker) revive(o Observation) map[ID]time.Time {
	since := make(map[ID]time.Time)
	for i := range o.Pulls {
		r := &o.Pulls[i]
		first := r.ID
		r.ID.Again = t.again[first]
		if h := t.abandoned[r.ID]; h != nil && !r.Gone && t.movesAlone(h, r, o) {
			t.again[first]++
			t.ended[r.ID] = o.Time
			delete(t.abandoned, r.ID)
			r.ID.Again++
			since[r.ID] = t.observed
		}
	}
	return since
}

// movesAlone tells whether an ingest of an abandoned pull has grown that no other pull has.
func (t *Tracker) movesAlone(h *history, r *Reading, o Observation) bool {
	for d, read := range r.Blobs {
		b := h.blobs[d]
		if b == nil || !b.sawOpen || read.Ingest == nil || !read.Opening || !read.Ingest.Started.Equal(b.started) || read.Ingest.Offset <= max(b.offset, b.others) {
			continue
		}
		if !slices.ContainsFunc(o.Pulls, func(other Reading) bool {
			return other.ID.Lease != r.ID.Lease && other.ID.Namespace == r.ID.Namespace && other.Blobs[d].Opening
		}) {
			return true
		}
	}
	return false
}

// revive makes a pull one that began to move again after a time.
func (h *history) revive(since time.Time) {
	if !since.IsZero() {
		h.created, h.moved, h.late = since, since, true
	}
}
