package pull

import "time"

// containerd writes what it fetches by the MiB, so that is all that is seen of a blob on
// its way: on a slow link, nothing for minutes and then a MiB. What comes in between is
// inferred from the steps before.

const (
	// stepSize is by how much what is seen of a blob grows.
	stepSize = 1 << 20
	// keptSteps bounds what is remembered of one blob. What came before is taken to have
	// come evenly.
	keptSteps = 8
	// stepGap is how far apart the remembered steps are at least.
	stepGap = rateWindow / 4
	// shortStill is a standstill that is too short to mean anything.
	shortStill = 2 * time.Second
	// muchFaster is how much faster than before a blob may come that is fetched again.
	muchFaster = 4
	// paceBytes is how much must have come at once to tell how fast a blob comes. Of
	// less, most of the time goes into asking for it.
	paceBytes = 256 << 10
)

// pace is how the bytes of one blob come, as far as it shows.
type pace struct {
	steps []step    // seen, oldest first
	since time.Time // when the one before the last was, kept or not; zero for the first
	rate  float64   // By/s of the last step; 0 while there was none
	share float64   // the same by the clock of the pull
	firm  bool      // both ends of that step were seen, not only its last one
	still bool      // the last step took much longer, and does not count yet
	again bool      // it stood still for so long that it may have been fetched again
}

// step is how far a blob had come when it was written to.
type step struct {
	at     time.Time
	offset int64
}

// noteStep remembers a step of a blob that got its slot at a time, zero if that is not
// known. It returns how much came in a second of the clock, 0 if the step does not tell.
func (b *blob) noteStep(start time.Time, clock *shareClock) float64 {
	now := step{b.updated, b.offset}
	if !b.committed.IsZero() {
		now = step{b.committed, max(b.Size, b.offset)}
	}
	n := len(b.steps)
	if n > 0 && now.offset < b.steps[n-1].offset {
		b.pace = pace{steps: b.steps[:0]} // another pull's, or what was taken back
		n = 0
	}
	last := step{start, b.base}
	if n > 0 {
		last = b.steps[n-1]
	}
	if now.offset <= last.offset {
		return 0
	}
	if n > 0 {
		b.since = last.at
	}
	share := b.learnRate(last, now, clock)
	if n == 1 && b.base > 0 && b.firm && !start.IsZero() {
		b.stoodStill(step{start, b.base}, last, b.rate) // before it was resumed
	}
	switch {
	case n >= 2 && last.at.Sub(b.steps[n-2].at) < stepGap:
		b.steps[n-1] = now
	case n == keptSteps:
		copy(b.steps, b.steps[1:])
		b.steps[n-1] = now
	default:
		b.steps = append(b.steps, now)
	}
	return share
}

// learnRate takes the rate of a step for that of the blob, unless it stood still
// meanwhile: one step that takes long is a standstill, the second one is a slow link.
func (b *blob) learnRate(from, to step, clock *shareClock) float64 {
	grown, took := to.offset-from.offset, to.at.Sub(from.at).Seconds()
	passed := clock.at(to.at) - clock.at(from.at)
	if from.at.IsZero() || took <= 0 || passed <= 0 {
		return 0
	}
	if b.firm && !b.still && b.stoodStill(from, to, b.rate) {
		b.still = true
		return 0
	}
	if grown < paceBytes {
		return 0
	}
	rate := float64(grown) / took
	b.rate, b.share, b.firm, b.still = rate, float64(grown)/passed, len(b.steps) > 0, false
	return b.share
}

// stoodStill tells whether a blob that comes at a rate came no further for a while
// between two steps. A registry that ignores the range of a request sends it from its
// start again, which does not show: it may have, where there was time for that.
func (b *blob) stoodStill(from, to step, rate float64) bool {
	still := to.at.Sub(from.at) - seconds(float64(to.offset-from.offset)/rate)
	if still <= shortStill || still <= 3*seconds(stepSize/rate) {
		return false
	}
	if b.ours && from.offset > 0 && still >= seconds(float64(from.offset)/rate/muchFaster) {
		b.again = true
	}
	return true
}

// fetchedAgain tells whether a blob of the pull may have been fetched again.
func (h *history) fetchedAgain() bool {
	for _, b := range h.blobs {
		if b.again {
			return true
		}
	}
	return false
}

// nextStep is how many bytes must come until more of the blob is seen.
func (b *blob) nextStep() int64 {
	if b.Size <= 0 {
		return stepSize
	}
	return max(min(stepSize, b.Size-b.offset), 0)
}

// cameBetween is how many bytes came in a stretch of time. Those of a step came evenly
// since the one before; of the one that is under way nobody has seen any yet, and they
// come by their share.
func (b *blob) cameBetween(from, to, start time.Time, share float64, clock *shareClock) (sum float64) {
	last := step{start, b.base}
	since, until := clock.at(from), clock.at(to)
	for _, s := range b.steps {
		s.at, s.offset = later(s.at, last.at), max(s.offset, last.offset)
		grown := float64(s.offset - last.offset)
		if began, ended := clock.at(last.at), clock.at(s.at); ended > began {
			sum += grown * max(min(ended, until)-max(began, since), 0) / (ended - began)
		} else if ended > since && ended <= until {
			sum += grown
		}
		last = s
	}
	if !b.open {
		return sum
	}
	before := clock.at(later(last.at, from)) - clock.at(last.at)
	return sum + b.grown(until-clock.at(last.at), share) - b.grown(before, share)
}

// unseen is how many bytes have come since the last step.
func (b *blob) unseen(now, start time.Time, share float64, clock *shareClock) int64 {
	last := start
	if n := len(b.steps); n > 0 {
		last = later(last, b.steps[n-1].at)
	}
	return int64(b.grown(clock.at(now)-clock.at(last), share))
}

// grown is how many bytes come by a share in so many seconds of the clock, before a step
// shows them.
func (b *blob) grown(seconds, share float64) float64 {
	return min(max(seconds, 0)*share, float64(b.nextStep()))
}

// lastStep is when more of the blob was seen last.
func (b *blob) lastStep() time.Time { return b.steps[len(b.steps)-1].at }

// overlap is how long two stretches of time have in common.
func overlap(from, to, since, until time.Time) time.Duration {
	return max(earlier(to, until).Sub(later(from, since)), 0)
}

// seconds is a time that may be too long for a Duration.
func seconds(s float64) time.Duration {
	const most = 1 << 30 // 34 years
	return time.Duration(min(s, most) * float64(time.Second))
}

func (p *pace) shift(by time.Duration) {
	p.since = shifted(p.since, by)
	for i := range p.steps {
		p.steps[i].at = p.steps[i].at.Add(by)
	}
}
