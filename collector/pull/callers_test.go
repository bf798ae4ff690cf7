package pull

import "testing"

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
