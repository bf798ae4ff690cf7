package pull

import (
	"cmp"
	"slices"
	"time"
)

// transfer is one blob on its way over the network, of whichever pull.
type transfer struct {
	blob   *blob
	opened time.Time
	end    time.Time // committed or given up; zero while it is open
	start  time.Time // got its slot; zero while it waits

	// settled tells that start is known for good: what comes later does not change it.
	settled bool
}

// schedule infers when each transfer got its download slot. From 2.1 containerd
// opens every ingest of an image at once and lets the fetchers queue for slots,
// first come first served, over all pulls of the daemon (fetcher.go:510,
// transfer.go:59 @v2.4.2); nothing tells when a slot was got, but each one was
// freed by the end of another transfer.
func schedule(transfers []*transfer, slots int) {
	slices.SortFunc(transfers, func(a, b *transfer) int {
		return cmp.Or(a.opened.Compare(b.opened), cmp.Compare(a.blob.Digest, b.blob.Digest))
	})
	if slots <= 0 {
		for _, t := range transfers {
			t.start = t.opened
		}
		return
	}
	held := make([]slot, slots)
	for _, t := range transfers {
		next := earliest(held)
		if t.settled {
			if !t.endedBy(next.free) {
				next.hold(t)
			}
			continue
		}
		if t.givenUpBy(next.free) {
			continue // while it waited
		}
		if silent := lastSilent(held); silent != nil && t.seenBefore(next.free) {
			t = silent.passOn(t)
			next = earliest(held)
		}
		if !t.endedBy(next.free) {
			next.take(t, next.free)
		}
		t.correct()
	}
}

// slot is one download slot.
type slot struct {
	by   *transfer // that got it last
	free time.Time // when it gives it back; held for good: never
}

var never = time.Unix(1<<60, 0)

// take gives a slot that is free from a time on to a transfer.
func (s *slot) take(t *transfer, free time.Time) {
	t.start = later(t.opened, free)
	s.hold(t)
}

// hold lets a transfer have the slot until its end.
func (s *slot) hold(t *transfer) {
	s.by, s.free = t, never
	if !t.end.IsZero() {
		s.free = t.end
	}
}

// passOn gives the slot to a transfer that is known to have one, and returns the one
// that has shown no byte and waits again. Which of two that open at once is served
// first, nothing tells.
func (s *slot) passOn(t *transfer) (waits *transfer) {
	waits = s.by
	s.take(t, waits.start)
	t.correct()
	waits.start = time.Time{}
	return waits
}

// lastSilent is, of the slots of transfers that are open and have shown no byte, that
// of the one that was opened last; nil if there is none.
func lastSilent(held []slot) (last *slot) {
	for i := range held {
		t := held[i].by
		if t != nil && !t.settled && t.end.IsZero() && t.blob.moved.IsZero() && (last == nil || last.by.opened.Before(t.opened)) {
			last = &held[i]
		}
	}
	return last
}

// seenBefore tells whether the transfer was seen before a time to have had a slot.
func (t *transfer) seenBefore(at time.Time) bool {
	moved := !t.blob.moved.IsZero() && t.blob.moved.Before(at)
	return moved || (!t.blob.committed.IsZero() && t.end.Before(at))
}

// endedBy tells whether the transfer had ended when a slot was freed, or that is never freed:
// if it had one it was another, of which nothing is known.
func (t *transfer) endedBy(free time.Time) bool {
	return free.Equal(never) || (!t.end.IsZero() && t.end.Before(free))
}

// givenUpBy tells whether the transfer was given up before a time without having
// moved.
func (t *transfer) givenUpBy(at time.Time) bool {
	return t.blob.committed.IsZero() && t.blob.moved.IsZero() && !t.end.IsZero() && !at.Before(t.end)
}

// correct holds an inferred start against what was seen: what moves or has ended
// has had a slot by then, even if the runtime has more of them than we know.
func (t *transfer) correct() {
	for _, seen := range []time.Time{t.blob.moved, t.end} {
		switch {
		case seen.IsZero():
		case t.start.IsZero(), seen.Before(t.start):
			t.start = seen
		}
	}
}

// How long it takes until the start of a transfer is settled: after it was seen to have had a
// slot, or after it is taken to have one and shows no byte.
const (
	settledSeen   = time.Minute
	settledSilent = 10 * time.Minute
)

// isSettled tells whether what comes from now on changes nothing of when a transfer got its
// slot.
func (t *transfer) isSettled(now time.Time) bool {
	for _, seen := range []time.Time{t.blob.moved, t.end} {
		if !seen.IsZero() && now.Sub(seen) > settledSeen {
			return true
		}
	}
	return now.Sub(t.start) > settledSilent
}

// earliest is the slot that is free first.
func earliest(held []slot) *slot {
	first := &held[0]
	for i := range held {
		if held[i].free.Before(first.free) {
			first = &held[i]
		}
	}
	return first
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
