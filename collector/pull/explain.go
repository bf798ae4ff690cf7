package pull

import (
	"maps"
	"slices"
	"time"

	"github.com/pulltrace/pulltrace/collector/limits"
)

const (
	// reasonTime is how long a pull that failed may wait to be told, for the reason.
	// The kubelet writes the status of a pod when its next work on it begins, which
	// after a second failure is some 15 s later: it then finds that it has to back off.
	reasonTime = 30 * time.Second
	// reasonLate is how long a reason that comes even later is still that of a pull.
	reasonLate = 5 * time.Minute
)

// unexplained is a pull that has failed, as it will be told when it is known why.
type unexplained struct {
	*history
	pull Pull
}

// awaitsReason tells whether the orchestrator may still say why a pull has failed, or that
// it has.
func (t *Tracker) awaitsReason(h *history, p *Pull, now time.Time) bool {
	if !t.waiters.up || t.waiters.closed || (p.Outcome != Failure && !h.inert) || h.attempt != nil {
		return false
	}
	waiters, _ := h.askedFor()
	for _, w := range waiters {
		if t.waiters.waits(w.key()) {
			return now.Sub(h.gone) < reasonTime
		}
	}
	return false // it has the image by now, or is deleted
}

// explain gives each failed attempt to the pull that was its, if there was one. It
// returns the pulls that need not wait for a reason any more, and the attempts that the
// registry refused before there was a pull: nobody has seen one that could have been
// theirs by a look that was begun later.
func (t *Tracker) explain(asked, now time.Time) (told []Pull, refused []Attempt) {
	s := &t.waiters
	s.failed = slices.DeleteFunc(s.failed, func(a Attempt) bool {
		if h := t.failedPull(&a); h != nil {
			h.attempt = &a
			return true
		}
		if i := slices.IndexFunc(s.told, func(h *history) bool { return h.failedIn(&a) }); i >= 0 {
			s.told = slices.Delete(s.told, i, i+1) // it was told without
			return true
		}
		if asked.Before(a.Time) {
			return false
		}
		refused = append(refused, a)
		return true
	})
	tooMany := len(s.over) - limits.Unexplained
	s.over = slices.DeleteFunc(s.over, func(o unexplained) bool {
		tooMany--
		switch {
		case o.attempt != nil:
			o.pull.Outcome, o.pull.Err, o.pull.Message = Failure, o.attempt.Err, o.attempt.Message
			o.pull.Estimated = slices.DeleteFunc(slices.Clone(o.pull.Estimated), func(e Estimate) bool { return e == PullPods })
			t.viewWaiters(o.history, &o.pull, true)
		case tooMany < 0 && t.awaitsReason(o.history, &o.pull, now):
			return false
		default:
			s.told = append(s.told, o.history)
		}
		told = append(told, o.pull)
		return true
	})
	return told, refused
}

// failedPull is the pull that is over, not told, and may have been an attempt; the
// first one of several.
func (t *Tracker) failedPull(a *Attempt) *history {
	for _, o := range t.waiters.over {
		if o.attempt == nil && o.failedIn(a) {
			return o.history
		}
	}
	for _, h := range byEnd(maps.Values(t.pulls)) {
		if !h.gone.IsZero() && h.record == nil && h.attempt == nil && h.failedIn(a) {
			return h
		}
	}
	return nil
}

// failedIn tells whether a pull that is gone may be what failed in an attempt.
func (h *history) failedIn(a *Attempt) bool {
	w, waited := h.waiters[a.Waiter.key()]
	return waited && w.Image == a.Waiter.Image && h.created.Before(a.Time) && h.mayBe(a.Waiter.Image)
}
