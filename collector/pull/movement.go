package pull

import "time"

// move notes which pulls have moved up to a time.
func (t *Tracker) move(now time.Time, starts map[*blob]time.Time) {
	for _, h := range t.pulls {
		h.measure(now, starts)
	}
	for _, h := range t.pulls {
		h.moved = later(h.moved, h.lastSign())
		if t.waits(h, now, starts) {
			h.moved = later(h.moved, now)
		}
	}
}

// lastSign is the last time at which something of the pull is known to have
// happened: a byte came, a blob or a snapshot was committed. A blob that another
// pull fetches counts, since this pull gets it too.
func (h *history) lastSign() time.Time {
	last := later(later(h.created, h.rest.moved), later(h.root.updated, h.root.committed))
	for _, b := range h.blobs {
		last = later(last, later(b.updated, b.committed))
	}
	for _, c := range h.chains {
		last = later(last, c.committed)
	}
	return last
}

// waits tells whether a pull is queued: it has no download slot, and all of
// them are held by other pulls that do move.
func (t *Tracker) waits(h *history, now time.Time, starts map[*blob]time.Time) bool {
	if t.slots <= 0 {
		return false
	}
	waiting, holding, _ := h.slots(starts)
	if waiting == 0 || holding > 0 {
		return false
	}
	held := 0
	for _, other := range t.pulls {
		if other == h {
			continue
		}
		_, holding, moved := other.slots(starts)
		if moved.After(now.Add(-t.patience(other))) {
			held += holding // one of its layers may be dead, but the pull is not
		}
	}
	return held >= t.slots
}

// slots counts the blobs of a pull that wait for a download slot, and those that hold
// one, and tells when the pull last moved or got one.
func (h *history) slots(starts map[*blob]time.Time) (waiting, holding int, moved time.Time) {
	moved = h.lastSign()
	count := func(b *blob) {
		if !b.ours || !b.open {
			return
		}
		start, started := starts[b]
		if !started {
			waiting++
			return
		}
		holding++
		moved = later(moved, start)
	}
	count(&h.root)
	for _, b := range h.blobs {
		count(b)
	}
	return waiting, holding, moved
}

// downloaded is how many bytes of config and layers the pull has fetched.
func (h *history) downloaded() int64 {
	sum, _ := h.restBytes()
	for _, b := range h.blobs {
		if !b.document {
			sum = plus(sum, b.downloaded())
		}
	}
	return sum
}

// patience is how long a pull may stand still before it is stalled. On a slow link a MiB
// takes longer than the threshold, and nothing shows until it has come.
func (t *Tracker) patience(h *history) time.Duration { return max(t.stallAfter, h.speed.patience) }
