package pull

import (
	"slices"
	"strings"
	"testing"
)

// waiter is a container of a pod that waits for an image of the scene. Its turn came
// at a time.
func waiter(pod, image, tag string, ready float64) Waiter {
	return Waiter{
		Pod: Pod{Namespace: "shop", Name: pod, UID: "uid-" + pod}, Container: "main", Ready: at(ready),
		Image: Reference{Name: "registry:5000/" + image, Tag: tag},
	}
}

// wait tells who waits at a time.
func (s *scene) wait(seconds float64, waiters ...Waiter) {
	s.tracker.Wait(Waiting{Time: at(seconds), Up: true, Waiters: waiters})
}

// fail tells that the call of one who waits has failed.
func (s *scene) fail(seconds float64, w Waiter, err ErrorType) {
	s.tracker.Wait(Waiting{Time: at(seconds), Up: true, Waiters: []Waiter{w}, Failed: []Attempt{{Waiter: w, Time: at(seconds), Err: err, Message: string(err)}}})
}

// pods names who waits for a pull.
func pods(p Pull) string {
	var names []string
	for _, w := range p.Pods {
		names = append(names, w.Pod.Name)
	}
	return strings.Join(names, " ")
}

func TestPodWaits(t *testing.T) {
	s := newScene(3)
	s.wait(0.9, waiter("web", "app", "1", 0))
	a := s.lease("a", "app", 2, 1)
	a.open(0, 2.1, 100, 2.4)
	if got := s.poll(2.5).Active[0]; pods(got) != "web" || got.Image.Tag != "1" {
		t.Errorf("while it runs %q wait for tag %q, want web for 1", pods(got), got.Image.Tag)
	}
	s.stored("app", "1", 3)
	a.Gone = true
	s.poll(3.1)
	s.wait(3.2)
	s.poll(4)
	if got := s.ended[0]; pods(got) != "web" || got.Outcome != Success || got.Waited != at(2).Sub(at(0)) || len(got.Estimated) > 1 {
		t.Errorf("%s, %q waited %s, estimated %v; want web, for 2 s", got.Outcome, pods(got), got.Waited, got.Estimated)
	}
}

// Who does not wait for a pull: another repository, another digest, a pod whose turn
// came after it had begun; and nobody waits for one that no orchestrator makes.
func TestPodsThatWaitForSomethingElse(t *testing.T) {
	byDigest := waiter("digest", "app", "", 0)
	byDigest.Image.Digest = layerDigest("other", 0)
	for name, w := range map[string]Waiter{
		"repository": waiter("other", "other", "1", 0), "path": waiter("path", "team/app", "1", 0),
		"digest": byDigest, "turn": waiter("late", "app", "1", 3),
	} {
		s := newScene(3)
		s.lease("a", "app", 2, 1)
		s.wait(2.1, w)
		if got := s.poll(2.5).Active[0]; pods(got) != "" {
			t.Errorf("%s: %q waits", name, pods(got))
		}
	}
	s := newScene(3)
	s.lease("a", "app", 2, 1).Orchestrated = false
	s.wait(2.1, waiter("web", "app", "1", 0))
	if got := s.poll(2.5).Active[0]; pods(got) != "" {
		t.Errorf("%q waits for a pull that is none of the orchestrator's", pods(got))
	}
}

// Two tags of one repository: while it is not known whose a pull is, all of them
// wait; its record tells, and so does the reason of a failure. What is never known
// names nobody.
func TestTwoTagsOfOneRepository(t *testing.T) {
	one, two := waiter("one", "app", "1", 0), waiter("two", "app", "2", 0)
	for name, test := range map[string]struct {
		end       func(s *scene)
		outcome   Outcome
		pods, tag string
		notKnown  bool
	}{
		"recorded": {end: func(s *scene) { s.stored("app", "2", 3) }, outcome: Success, pods: "two", tag: "2"},
		"failed":   {end: func(s *scene) { s.fail(3.3, one, ErrNotFound) }, outcome: Failure, pods: "one", tag: "1"},
		"untold":   {end: func(*scene) {}, outcome: Failure, notKnown: true},
	} {
		s := newScene(3)
		s.wait(1, one, two)
		a := s.lease("a", "app", 2, 1)
		a.open(0, 2.1, 100, 2.4)
		got := s.poll(2.5).Active[0]
		if pods(got) != "one two" || got.Image.Tag != "" || !slices.Contains(got.Estimated, PullPods) {
			t.Errorf("%s: while it runs %q wait for tag %q, estimated %v", name, pods(got), got.Image.Tag, got.Estimated)
		}
		a.Gone = true
		s.poll(3.1)
		test.end(s)
		s.poll(3.4)
		s.poll(40)
		got = s.ended[0]
		if got.Outcome != test.outcome || pods(got) != test.pods || got.Image.Tag != test.tag || slices.Contains(got.Estimated, PullPods) != test.notKnown {
			t.Errorf("%s: %s, %q waited for tag %q, estimated %v", name, got.Outcome, pods(got), got.Image.Tag, got.Estimated)
		}
	}
}

// The reason of a failure comes a while after the lease is gone. It is waited for, but
// not for long, and not where nobody waits.
func TestReasonOfAFailure(t *testing.T) {
	web := waiter("web", "app", "1", 0)
	for name, test := range map[string]struct {
		reason float64
		waits  bool
		told   float64 // by then
		want   ErrorType
	}{
		"soon":                {reason: 4, waits: true, told: 4.1, want: ErrRateLimited},
		"before it is missed": {reason: 2.9, waits: true, told: 3.4, want: ErrRateLimited},
		"never":               {waits: true, told: 33.2, want: ErrOther},
		"nobody would tell":   {told: 3.5, want: ErrOther},
		"later than the end":  {reason: 50, waits: true, told: 33.2, want: ErrOther},
	} {
		s := newScene(3)
		if test.waits {
			s.wait(1, web)
		}
		a := s.lease("a", "app", 2, 1)
		a.open(0, 2.1, 100, 2.4)
		s.poll(2.5)
		refused := 0
		for now := 2.8; now < 60; now += 0.1 {
			a.Gone = now > 2.85
			if test.reason > 0 && now >= test.reason {
				s.fail(test.reason, web, ErrRateLimited)
				test.reason = 0
			}
			refused += len(s.poll(now).Refused)
			if now >= test.told && len(s.ended) == 0 {
				t.Errorf("%s: not told at %.1f s", name, now)
				break
			}
		}
		if len(s.ended) != 1 || s.ended[0].Err != test.want || s.ended[0].Outcome != Failure || refused != 0 {
			t.Errorf("%s: ended %+v with %d refused, want one failure with %s", name, s.ended, refused, test.want)
		}
	}
}

// An attempt that no pull explains was refused before anything was fetched, also while
// another pod's pull of the image runs. It is told once, by a look that was begun
// after it.
func TestRefused(t *testing.T) {
	web := waiter("web", "app", "1", 0)
	for name, running := range map[string]bool{"alone": false, "beside a pull that runs": true} {
		s := newScene(3)
		if running {
			s.wait(1, waiter("other", "app", "1", 0), web)
			s.lease("a", "app", 2, 1).open(0, 2.1, 100, 2.4)
			s.poll(2.5)
		}
		s.fail(3, web, ErrNotFound)
		var times []float64
		for _, now := range []float64{2.9, 3.2, 3.3, 9} {
			for _, a := range s.poll(now).Refused {
				if a.Err != ErrNotFound || a.Waiter.Pod != web.Pod {
					t.Errorf("%s: refused is %+v", name, a)
				}
				times = append(times, now)
			}
		}
		if !slices.Equal(times, []float64{3.2}) || len(s.ended) > 0 {
			t.Errorf("%s: refused at %v with %d pulls, want once at 3.2", name, times, len(s.ended))
		}
	}
}

// A pull of which all pods were deleted fails like any: nobody says why, and nobody is
// waited for. They wait no longer.
func TestPodsDeletedInMidPull(t *testing.T) {
	s := newScene(3)
	w := waiter("gone", "app", "1", 0)
	s.wait(1, w)
	a := s.lease("a", "app", 2, 1)
	a.open(0, 2.1, 100, 2.4)
	s.poll(2.5)
	w.Deleted = at(2.8)
	s.wait(2.8, w)
	if got := pods(s.poll(2.9).Active[0]); got != "" {
		t.Errorf("%q waits, and is deleted", got)
	}
	a.Gone = true
	s.poll(3)
	s.wait(3.1)
	s.poll(3.3)
	if len(s.ended) != 1 || s.ended[0].Outcome != Failure || s.ended[0].Err != ErrOther || pods(s.ended[0]) != "gone" {
		t.Errorf("ended %+v, want one failure with the pod that waited", s.ended)
	}
}

// What is not explained when Pulltrace ends, or while the runtime is away, is told
// without.
func TestNobodySaysWhy(t *testing.T) {
	for name, end := range map[string]func(s *scene) Update{
		"closed":   func(s *scene) Update { s.tracker.Close(); return s.poll(5) },
		"source":   func(s *scene) Update { return s.tracker.Unobserved(at(40)) },
		"api down": func(s *scene) Update { s.tracker.Wait(Waiting{Time: at(5)}); return s.poll(5) },
	} {
		s := newScene(3)
		s.wait(1, waiter("web", "app", "1", 0))
		a := s.lease("a", "app", 2, 1)
		a.open(0, 2.1, 100, 2.4)
		s.poll(2.5)
		a.Gone = true
		s.poll(3)
		if u := s.poll(4); len(u.Over) != 1 || len(u.Active) > 0 || u.Settling {
			t.Errorf("%s: %d are over, %d active, settling %v; want one over", name, len(u.Over), len(u.Active), u.Settling)
		}
		if u := end(s); len(u.Ended) != 1 || u.Ended[0].Err != ErrOther || len(u.Changes) != 1 || u.Changes[0].Kind != Failed {
			t.Errorf("%s: %+v, want one failure", name, u)
		}
	}
}

// The orchestrator pulls for one pod after the other, in the order in which their
// turns came, and how long each has waited is known of its first attempt only.
func TestTimeInTheOrchestratorsQueue(t *testing.T) {
	s := newScene(3)
	first, second := waiter("first", "app", "1", 1), waiter("second", "app", "1", 2)
	s.wait(2, second, first)
	for i, start := range []float64{3, 10, 20} {
		a := s.lease([]string{"a", "b", "c"}[i], "app", start, 1)
		s.poll(start + 0.1)
		a.Gone = true
		if i == 0 {
			s.fail(start+0.5, first, ErrTimeout)
			s.wait(start+0.6, first, second)
		}
		s.poll(start + 0.7)
		s.poll(start + 1)
		s.wait(start+1, first, second)
	}
	s.tracker.Close() // nobody says why the others failed
	s.poll(60)
	for i, want := range []float64{2, 8, -1} {
		if got := s.ended[i].Waited.Seconds(); (got < 0) != (want < 0) || (want >= 0 && got != want) {
			t.Errorf("pull %d had waiters for %g s, want %g", i, got, want)
		}
	}
}

// What was told of a pull when it was over is the reporters' to keep: that its reason
// tells more later changes nothing in it.
func TestWhatWasToldIsNotChanged(t *testing.T) {
	s := newScene(3)
	one := waiter("one", "app", "1", 0)
	s.wait(1, one, waiter("two", "app", "2", 0))
	a := s.lease("a", "app", 2, 1)
	a.open(0, 2.1, 100, 2.4)
	s.poll(2.5)
	a.Gone = true
	s.poll(3)
	over := s.poll(3.3).Over
	s.fail(3.5, one, ErrNotFound)
	s.poll(3.6)
	if len(over) != 1 || !slices.Equal(over[0].Estimated, []Estimate{PullEnd, PullPods}) || len(s.ended) != 1 || slices.Contains(s.ended[0].Estimated, PullPods) {
		t.Errorf("over %+v, ended %+v; want the first with what was estimated then", over, s.ended)
	}
}
