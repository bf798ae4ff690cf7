package pull

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pulltrace/pulltrace/collector/limits"
)

// waiters are who waits for images, as the orchestrator tells.
type waiters struct {
	watched bool // somebody asks the orchestrator
	up      bool
	now     []Waiter
	served  map[waiterKey]bool // whose first pull is told, or failed: when the next could begin is not known
	failed  []Attempt          // that are not explained yet
	over    []unexplained      // pulls that have failed, until it is known why
	told    []*history         // pulls that were told without it
	closed  bool               // nobody will tell any more
}

// waiterKey tells waiters apart.
type waiterKey struct{ uid, container, volume string }

func (w Waiter) key() waiterKey { return waiterKey{w.Pod.UID, w.Container, w.Volume} }

// Wait takes note of who waits for images. What it changes shows in the next
// [Tracker.Observe].
func (t *Tracker) Wait(w Waiting) {
	s := &t.waiters
	s.watched, s.up, s.now = true, w.Up, w.Waiters[:min(len(w.Waiters), limits.Waiters)]
	t.omit(OmittedWaiters, len(w.Waiters)-len(s.now))
	s.failed = append(s.failed, w.Failed...)
	if more := len(s.failed) - limits.Failures; more > 0 {
		t.omit(OmittedFailures, more)
		s.failed = slices.Delete(s.failed, 0, more)
	}
	for _, a := range w.Failed {
		s.served[a.Waiter.key()] = true
	}
}

// Close makes the next [Tracker.Observe] tell all pulls that are over: nobody will say
// any more why they failed.
func (t *Tracker) Close() { t.waiters.closed = true }

// join notes who waits for which pull.
func (t *Tracker) join() {
	for _, h := range byStart(maps.Values(t.pulls)) {
		for i := range t.waiters.now {
			w := &t.waiters.now[i]
			before, known := h.waiters[w.key()]
			if known && before.Image == w.Image || h.gone.IsZero() && h.isFor(w) {
				h.waiters[w.key()] = *w
			}
		}
		t.assign(h)
	}
}

// isFor tells whether a waiter may wait for what this pull brings. The name of that may
// not be known before the pull is over. One whose turn came later than the pull began
// has not asked for it.
func (h *history) isFor(w *Waiter) bool {
	return h.orchestrated && (h.image.Name == "" || h.mayBe(w.Image)) && !w.Ready.After(h.created)
}

// mayBe tells whether the pull may be of a reference: the repository, and the digest or
// tag as far as they are known. The record of an image has the name that was asked for:
// no tag if it was by digest.
func (h *history) mayBe(r Reference) bool {
	switch {
	case !sameRepository(h.image.Name, r.Name):
		return false
	case r.Digest != "":
		return h.image.Root == r.Digest
	case h.record != nil || h.image.Tag != "":
		return h.image.Tag == r.Tag
	default:
		return true
	}
}

// sameRepository tells whether a repository as the runtime tells it is one that was
// asked for. The runtime may leave out the port of the registry.
func sameRepository(told, asked string) bool {
	if told == asked {
		return told != ""
	}
	domain, path, _ := strings.Cut(asked, "/")
	return told == withoutPort(domain)+"/"+path
}

// askedFor is who waits, or waited, for a pull. If they ask for different tags, and
// nothing tells which of them it is, it is not ok.
func (h *history) askedFor() (list []Waiter, ok bool) {
	for _, w := range h.waiters {
		if h.mayBe(w.Image) && (h.attempt == nil || h.attempt.Waiter.Image == w.Image) {
			list = append(list, w)
		}
	}
	slices.SortFunc(list, compareWaiters)
	for _, w := range list {
		if w.Image != list[0].Image {
			return list, false
		}
	}
	return list, true
}

// compareWaiters orders waiters by when their turn came, unknown last, and by name.
func compareWaiters(a, b Waiter) int {
	if a.Ready.IsZero() != b.Ready.IsZero() {
		return b.Ready.Compare(a.Ready)
	}
	return cmp.Or(a.Ready.Compare(b.Ready), cmp.Compare(a.Pod.Namespace, b.Pod.Namespace), cmp.Compare(a.Pod.Name, b.Pod.Name),
		cmp.Compare(a.Container, b.Container), cmp.Compare(a.Volume, b.Volume))
}

// viewWaiters fills in who waits for a pull, or waited if it has ended, and the tag if
// they agree on it.
func (t *Tracker) viewWaiters(h *history, p *Pull, ended bool) {
	list, ok := h.askedFor()
	switch {
	case !ok:
		p.Estimated = addEstimate(p.Estimated, PullPods)
	case len(list) > 0 && p.Image.Tag == "" && list[0].Image.Digest == "":
		p.Image.Tag = list[0].Image.Tag
	}
	switch {
	case !ended:
		p.Pods = slices.DeleteFunc(list, func(w Waiter) bool { return !t.waiters.waits(w.key()) })
	case ok:
		p.Pods, p.Waited = list, h.waitedFor()
	default:
		p.Pods = nil
	}
}

// waits tells whether somebody still waits for an image, and is not to end.
func (s *waiters) waits(key waiterKey) bool {
	return slices.ContainsFunc(s.now, func(w Waiter) bool { return w.key() == key && w.Deleted.IsZero() })
}

// assign finds the one waiter whose call a pull is: the orchestrator pulls for one
// after the other in the order in which their turn came. Of one that failed before, it
// is not known when it was to be tried again.
func (t *Tracker) assign(h *history) {
	list, ok := h.askedFor()
	if h.caller != nil || !ok {
		return
	}
	for _, w := range list {
		if key := w.key(); !t.waiters.served[key] {
			t.waiters.served[key] = true
			h.caller = &key
			return
		}
	}
}

// waitedFor is how long the pull was waited for before it began, to a second.
// Negative is unknown.
func (h *history) waitedFor() time.Duration {
	if h.caller == nil {
		return -1
	}
	ready := h.waiters[*h.caller].Ready
	if ready.IsZero() || ready.After(h.created) {
		return -1
	}
	return h.created.Sub(ready)
}

// forgetWaiters drops what nobody asks for any more.
func (t *Tracker) forgetWaiters(now time.Time) {
	s := &t.waiters
	s.told = slices.DeleteFunc(s.told, func(h *history) bool { return now.Sub(h.gone) > reasonLate })
	waiting := make(map[waiterKey]bool, len(s.now))
	for i := range s.now {
		waiting[s.now[i].key()] = true
	}
	maps.DeleteFunc(s.served, func(key waiterKey, _ bool) bool { return !waiting[key] })
}
