package pull

import "time"

// shift brings all that is known over to the clock as it is now, after it was
// set by so much: what a runtime tells next, it tells by the new one. Durations
// stay true, and so does the order of what happened.
func (t *Tracker) shift(by time.Duration, now time.Time) {
	old := t.observed
	t.observed = old.Add(by)
	t.journal.shift(func(at time.Time) time.Time {
		// The events since the last observation may be by either clock.
		if (by < 0 && at.After(now)) || (by > 0 && at.Before(old.Add(by))) {
			return at.Add(by)
		}
		return at
	})
	t.commits.since, t.commits.lost = shifted(t.commits.since, by), shifted(t.commits.lost, by)
	for _, h := range t.pulls {
		h.shift(by)
	}
	for key, c := range t.claims {
		t.claims[key] = claim{c.by, shifted(c.committed, by)}
	}
	for id, last := range t.ended {
		t.ended[id] = last.Add(by)
	}
	for _, blobs := range t.doubted {
		for d, since := range blobs {
			blobs[d] = since.Add(by)
		}
	}
	clear(t.used) // by the old clock; an hour of it may be another hour now
	t.past = nil
	t.downloads.seen = 0
}

func (h *history) shift(by time.Duration) {
	h.stepped = true
	for _, at := range []*time.Time{&h.created, &h.rootSeen, &h.moved, &h.gone, &h.left, &h.rest.moved} {
		*at = shifted(*at, by)
	}
	h.speed.moved = shifted(h.speed.moved, by)
	h.speed.clock.shift(by)
	h.root.shift(by)
	for _, b := range h.before {
		b.shift(by)
	}
	for _, b := range h.blobs {
		b.shift(by)
	}
	for _, c := range h.chains {
		c.committed = shifted(c.committed, by)
	}
}

func (b *blob) shift(by time.Duration) {
	for _, at := range []*time.Time{&b.opened, &b.moved, &b.updated, &b.committed, &b.lacked, &b.shown, &b.slot} {
		*at = shifted(*at, by)
	}
	b.pace.shift(by)
}

func (j *journal) shift(shift func(time.Time) time.Time) {
	events := j.events
	j.events, j.order = nil, nil
	for _, list := range events {
		for _, e := range list {
			e.Time = shift(e.Time)
			j.add(e)
		}
	}
}

// shifted leaves alone what is not known.
func shifted(at time.Time, by time.Duration) time.Time {
	if at.IsZero() {
		return at
	}
	return at.Add(by)
}
