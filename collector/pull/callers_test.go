package pull

import (
	"strings"
	"testing"
)

// Of two callers of one image, the second may be done first. Each record ends the
// pull that was gone by then, and the one by digest, which only one of them
// writes, ends both calls.
func TestSecondCallerIsDoneFirst(t *testing.T) {
	s := newScene(3)
	a, b := s.lease("a", "app", 0, 1), s.lease("b", "app", 0.5, 1)
	a.open(0, 0.1, 300, 1)
	s.poll(1)
	s.stored("app", "1", 2)
	b.Gone = true
	s.poll(2.01)
	s.stored("app", "1", 2.03)
	s.stored("app", "", 2.04)
	a.Gone = true
	s.poll(2.05)
	s.poll(3)
	if len(s.ended) != 2 {
		t.Fatalf("%d pulls ended, want 2", len(s.ended))
	}
	for _, p := range s.ended {
		if p.Outcome != Success || !p.End.Equal(at(2.04)) {
			t.Errorf("%s at %s, want success at %s", p.Outcome, p.End, at(2.04))
		}
	}
}

// Of two callers of one image, the second gives up once the first is done, whose image was
// recorded by its tag and by its digest: neither record says that the second went well.
func TestSecondCallerGivesUp(t *testing.T) {
	s := newScene(3)
	a, b := s.lease("a", "app", 0, 1), s.lease("b", "app", 0.5, 1)
	a.open(0, 0.1, 300, 1)
	s.poll(1)
	s.stored("app", "1", 2)
	a.Gone = true
	s.poll(2.01)
	s.stored("app", "", 2.02)
	s.poll(2.1)
	b.Gone = true
	s.poll(2.5)
	s.poll(3)
	if len(s.ended) != 2 {
		t.Fatalf("%d pulls ended, want 2", len(s.ended))
	}
	for _, p := range s.ended {
		if want := map[string]Outcome{"a": Success, "b": Unknown}[p.ID.Lease]; p.Outcome != want {
			t.Errorf("%s is told as %s, want %s", p.ID.Lease, p.Outcome, want)
		}
	}
}

// One digest is pulled from two repositories at once. Nothing names the second pull before
// its record does, and each record ends the pull of its own name, whichever comes first.
// What the second one waits for is a pod of its own repository.
func TestTwoRepositoriesOfOneDigest(t *testing.T) {
	for name, records := range map[string][]string{"in order": {"first", "second"}, "the other way round": {"second", "first"}} {
		t.Run(name, func(t *testing.T) {
			s := newScene(3)
			s.wait(0, waiter("one", "first", "1", 0), waiter("other", "second", "1", 0.3))
			a, b := s.lease("a", "app", 0.1, 1), s.lease("b", "app", 0.5, 1)
			a.Image.Name, b.Image.Name = "registry/first", ""
			a.open(0, 0.2, 300, 1)
			if got := s.poll(1).Active[1]; pods(got) != "" {
				t.Errorf("%q wait for a pull that nothing names", pods(got))
			}
			for i, repository := range records {
				s.storedIn(repository, "app", "1", 2+0.01*float64(i))
			}
			b.Gone = true
			s.poll(2.05)
			a.Gone = true
			s.poll(2.06)
			s.poll(3)
			if len(s.ended) != 2 {
				t.Fatalf("%d pulls ended, want 2", len(s.ended))
			}
			for _, p := range s.ended {
				want := map[string]string{"a": "first one", "b": "second other"}[p.ID.Lease]
				if got := strings.TrimPrefix(p.Image.Name, "registry:5000/") + " " + pods(p); p.Outcome != Success || got != want {
					t.Errorf("%s: %s of %s, want success of %s", p.ID.Lease, p.Outcome, got, want)
				}
			}
		})
	}
}

// A record of another name is no proof that a pull went well, while there is another pull
// that may have written it. Where there is none, it is: a client may name what it pulls as
// it likes.
func TestRecordOfAnotherName(t *testing.T) {
	for name, want := range map[string]Outcome{"alone": Success, "beside one without a name": Failure} {
		t.Run(name, func(t *testing.T) {
			s := newScene(3)
			a := s.lease("a", "app", 0, 1)
			if want == Failure {
				s.lease("b", "app", 0.5, 1).Image.Name = ""
			}
			s.poll(1)
			s.storedIn("other", "app", "1", 2)
			a.Gone = true
			s.poll(2.05)
			s.poll(3)
			if len(s.ended) != 1 || s.ended[0].Outcome != want {
				t.Errorf("%d pulls ended, want one: %s", len(s.ended), want)
			}
		})
	}
}
