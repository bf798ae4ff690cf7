package pull

import (
	"iter"
	"time"
)

const (
	// rateWindow is how far back a rate looks, where more than a step comes in it.
	rateWindow = 5 * time.Second
	// slack is how much longer than the last step the next one may take.
	slack = 1.5
)

// speed is how fast a pull fetches, as of the last observation.
type speed struct {
	rate     float64       // By/s lately
	unseen   int64         // By that have come since what was seen
	patience time.Duration // without movement, after which it is stalled

	clock shareClock
	moved time.Time // when a blob was seen to move last
	share float64   // By in a second of the clock that it got then, as any other
	each  float64   // By/s
}

// measure takes note of the steps that an observation shows, and of what follows from
// them.
func (h *history) measure(now time.Time, starts map[*blob]time.Time) {
	s := &h.speed
	h.share(now, starts)
	for b, start := range h.fetching(starts) {
		if share := b.noteStep(start, &s.clock); share > 0 && !b.lastStep().Before(s.moved) {
			s.share, s.each, s.moved = share, b.rate, b.lastStep()
		}
	}

	s.rate, s.unseen = 0, 0
	since := now.Add(-h.rateWindow(starts))
	var came float64
	var began time.Time
	for b, start := range h.fetching(starts) {
		if !b.ours || b.document {
			continue
		}
		share := s.shareOf(b)
		came += b.cameBetween(later(since, start), now, start, share, &s.clock)
		if b.open {
			s.unseen += b.unseen(now, start, share, &s.clock)
		}
		if began.IsZero() || start.Before(began) {
			began = start
		}
	}
	if took := now.Sub(later(since, began)); took > 0 && !began.IsZero() {
		s.rate = came / took.Seconds()
	}
	s.patience = h.longestStep(starts)
}

// fetching are the blobs that come or came by this pull, with the time at which each got
// its slot, and without one those that come by another pull.
func (h *history) fetching(starts map[*blob]time.Time) iter.Seq2[*blob, time.Time] {
	return func(yield func(*blob, time.Time) bool) {
		for _, b := range h.blobs {
			start, started := starts[b]
			if started == b.ours && (b.ours || b.open) && !yield(b, start) {
				return
			}
		}
	}
}

// share lets the clock go on by how many blobs shared the link since it last did.
func (h *history) share(now time.Time, starts map[*blob]time.Time) {
	since := later(h.created, h.speed.clock.now())
	if !now.After(since) {
		return
	}
	var together time.Duration
	for b, start := range h.fetching(starts) {
		switch {
		case !b.ours:
		case b.open:
			together += overlap(start, now, since, now)
		default:
			together += overlap(start, later(b.committed, b.updated), since, now)
		}
	}
	h.speed.clock.advance(since, now, max(float64(together)/float64(now.Sub(since)), 1))
}

// shareOf is how fast a blob comes by the clock: as its last step did, or as the others.
func (s *speed) shareOf(b *blob) float64 {
	if b.share > 0 {
		return b.share
	}
	return s.share
}

// rateWindow is how far back the rate of a pull looks: two steps of each blob that is
// under way, and at least some seconds.
func (h *history) rateWindow(starts map[*blob]time.Time) time.Duration {
	var share, n float64
	for b := range h.fetching(starts) {
		if b.ours && b.open {
			share += h.speed.shareOf(b)
			n++
		}
	}
	if share <= 0 {
		return rateWindow
	}
	return max(rateWindow, seconds(2*n*stepSize*n/share))
}

// longestStep is how long the slowest blob under way may take for its next step.
func (h *history) longestStep(starts map[*blob]time.Time) (longest time.Duration) {
	n := 0.0
	for b := range h.fetching(starts) {
		if b.ours && b.open {
			n++
		}
	}
	for b := range h.fetching(starts) {
		if !b.open || h.speed.share <= 0 {
			continue
		}
		rate := h.speed.each
		if b.rate > 0 {
			rate = b.rate
		}
		rate = min(rate, h.speed.shareOf(b)/max(n, 1)) // that others are done may be of no use to it
		longest = max(longest, seconds(slack*float64(b.nextStep())/rate))
	}
	return longest
}
