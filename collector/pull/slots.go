package pull

import (
	"slices"
	"time"
)

// transfer is one blob on its way over the network, of whichever pull.
type transfer struct {
	blob   *blob
	opened time.Time
	end    time.Time // committed or given up; zero while it is open
	start  time.Time // got its slot; zero while it waits
}

// schedule infers when each transfer got its download slot. From 2.1 containerd
// opens every ingest of an image at once and lets the fetchers queue for slots,
// first come first served, over all pulls of the daemon (fetcher.go:510,
// transfer.go:59 @v2.4.2); nothing tells when a slot was got, but each one was
// freed by the end of another transfer.
func schedule(transfers []*transfer, slots int) {
	slices.SortFunc(transfers, func(a, b *transfer) int { return a.opened.Compare(b.opened) })
	if slots <= 0 {
		for _, t := range transfers {
			t.start = t.opened
		}
		return
	}
	free := make([]time.Time, slots) // when each slot is free; held for good: never
	never := time.Unix(1<<60, 0)
	for _, t := range transfers {
		i := earliest(free)
		if t.givenUpBy(free[i]) {
			continue // while it waited
		}
		if free[i] != never {
			t.start = later(t.opened, free[i])
			free[i] = never
			if !t.end.IsZero() {
				free[i] = t.end
			}
		}
		t.correct()
	}
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

func earliest(times []time.Time) int {
	at := 0
	for i, t := range times {
		if t.Before(times[at]) {
			at = i
		}
	}
	return at
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
