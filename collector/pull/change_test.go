package pull

import (
	"testing"
)

// turn is a change without the pull's state.
type turn struct {
	lease string
	kind  ChangeKind
	at    float64
}

// turns are the changes of some updates, in order.
func turns(updates ...Update) []turn {
	var list []turn
	for _, u := range updates {
		for _, c := range u.Changes {
			list = append(list, turn{c.Pull.ID.Lease, c.Kind, c.Time.Sub(epoch).Seconds()})
		}
	}
	return list
}

func TestChanges(t *testing.T) {
	for name, test := range map[string]struct {
		play func(*scene, *actor) []Update
		want []turn
	}{
		"it ends well": {
			func(s *scene, a *actor) []Update {
				first := s.poll(1)
				s.stored("app", "1", 2)
				a.Gone = true
				return []Update{first, s.poll(3), s.poll(3.5)}
			},
			[]turn{{"a", Started, 0}, {"a", Finished, 2}},
		},
		"it fails": {
			func(s *scene, a *actor) []Update {
				first := s.poll(1)
				s.event(SnapshotRemoved, 2.5, chainID("app", 0))
				a.Gone = true
				return []Update{first, s.poll(3), s.poll(3.5)}
			},
			[]turn{{"a", Started, 0}, {"a", Failed, 2.5}},
		},
		"it is over before it was seen": {
			func(s *scene, a *actor) []Update {
				s.stored("app", "1", 0.5)
				a.Gone = true
				return []Update{s.poll(1), s.poll(1.5)}
			},
			[]turn{{"a", Started, 0}, {"a", Finished, 0.5}},
		},
		"it stalls twice, each time is told once": {
			func(s *scene, a *actor) []Update {
				a.open(0, 0.1, 300, 5)
				list := []Update{s.poll(6), s.poll(64.9), s.poll(65.5), s.poll(66.5)}
				a.open(0, 0.1, 400, 70)
				list = append(list, s.poll(70.5), s.poll(71.5))
				return append(list, s.poll(131), s.poll(132))
			},
			[]turn{{"a", Started, 0}, {"a", Stalled, 65}, {"a", Resumed, 70}, {"a", Stalled, 130}},
		},
		"it stalls while the runtime does not answer": {
			func(s *scene, a *actor) []Update {
				a.open(0, 0.1, 300, 5)
				list := []Update{s.poll(6), s.tracker.Unobserved(at(66)), s.tracker.Unobserved(at(67)), s.poll(68)}
				a.open(0, 0.1, 400, 69)
				return append(list, s.tracker.Unobserved(at(69.5)), s.poll(70))
			},
			[]turn{{"a", Started, 0}, {"a", Stalled, 65}, {"a", Resumed, 69}},
		},
		"an old observation comes late": {
			func(s *scene, a *actor) []Update {
				a.open(0, 0.1, 300, 5)
				old := s.observation(6)
				return []Update{s.poll(6), s.poll(66), s.tracker.Observe(old), s.poll(67)}
			},
			[]turn{{"a", Started, 0}, {"a", Stalled, 65}},
		},
		"it fails while it is stalled": {
			func(s *scene, a *actor) []Update {
				a.open(0, 0.1, 300, 5)
				list := []Update{s.poll(66)}
				s.event(SnapshotRemoved, 70, chainID("app", 0))
				a.Gone = true
				return append(list, s.poll(70.1), s.poll(70.5))
			},
			[]turn{{"a", Started, 0}, {"a", Stalled, 65}, {"a", Failed, 70}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(3)
			got := turns(test.play(s, s.lease("a", "app", 0, 1))...)
			if len(got) != len(test.want) {
				t.Fatalf("changes %v, want %v", got, test.want)
			}
			for i, want := range test.want {
				if got[i] != want {
					t.Errorf("change %d is %v, want %v", i, got[i], want)
				}
			}
		})
	}
}

// Two callers of one image are two pulls: each has its own changes.
func TestChangesOfTwoPulls(t *testing.T) {
	s := newScene(3)
	a, b := s.lease("a", "app", 0, 1), s.lease("b", "app", 0.5, 1)
	list := []Update{s.poll(1.5)}
	s.stored("app", "1", 2)
	a.Gone, b.Gone = true, true
	list = append(list, s.poll(3), s.poll(3.5))
	got := turns(list...)
	for i, want := range []turn{{"a", Started, 0}, {"b", Started, 0.5}, {"a", Finished, 2}, {"b", Finished, 3}} {
		if i >= len(got) || got[i] != want {
			t.Fatalf("changes %v, want %v at %d", got, want, i)
		}
	}
}
