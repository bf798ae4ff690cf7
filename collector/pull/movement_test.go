package pull

import (
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

func TestStalled(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "app", 0, 1)
	a.open(0, 0.1, 300, 5)
	if p := s.poll(60).Active[0]; p.Stalled || p.Idle != 55*time.Second {
		t.Errorf("stalled %t after %s, want false after 55 s", p.Stalled, p.Idle)
	}
	if p := s.poll(66).Active[0]; !p.Stalled || p.Remaining >= 0 {
		t.Errorf("stalled %t, remaining %s; want true and unknown", p.Stalled, p.Remaining)
	}
	a.open(0, 0.1, 400, 70)
	if p := s.poll(70.5).Active[0]; p.Stalled {
		t.Error("stalled, though it goes on")
	}
	if p := s.tracker.Unobserved(at(131)).Active[0]; !p.Stalled {
		t.Error("not stalled, though nothing was heard of it")
	}
}

// A pull that has no slot is queued as long as those that have them move, and
// stalled when they do not.
func TestQueuedBehindOthers(t *testing.T) {
	for name, test := range map[string]struct {
		slots   int
		opened  float64 // its own ingest
		moving  int     // layers of the other pull
		phase   Phase
		stalled bool
	}{
		"behind a pull that moves":          {3, 0.6, 3, Queued, false},
		"behind one with a dead layer":      {3, 0.6, 2, Queued, false},
		"behind one that opened a bit late": {3, 0.05, 3, Queued, false},
		"behind a dead one":                 {3, 0.6, 0, Downloading, true},
		"slots of its own, as before 2.1":   {0, 0.6, 3, Downloading, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(test.slots)
			a, b := s.lease("a", "big", 0, 3), s.lease("b", "app", 0.02, 1)
			b.Root.Committed = at(-1) // as its config, so that nothing of it moves
			b.Blobs[b.Manifest.Config.Digest] = Blob{Held: true, Committed: at(-1)}
			for i := range 3 {
				a.open(i, 0.1, 1, 0.2)
			}
			b.open(0, test.opened, 0, test.opened)
			s.poll(1)
			for i := range test.moving {
				a.open(i, 0.1, 500, 89)
			}
			p := s.poll(90).Active[1]
			if p.Phase != test.phase || p.Stalled != test.stalled {
				t.Errorf("%s, stalled %t; want %s, %t", p.Phase, p.Stalled, test.phase, test.stalled)
			}
		})
	}
}

// A manifest below an index waits for a slot like any blob, though no manifest names it.
func TestManifestIsQueuedBehindOthers(t *testing.T) {
	for name, test := range map[string]struct {
		moves   bool // what holds the slots
		phase   Phase
		stalled bool
	}{
		"behind a pull that moves": {true, Queued, false},
		"behind a dead one":        {false, Resolving, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(3)
			a, b := s.lease("a", "big", 0, 4), s.lease("b", "app", 0.02, 1)
			for i := range 4 {
				a.open(i, 1.5, 0, 1.5)
			}
			b.Root.Committed = at(1.6)
			b.Manifest, b.Chains = nil, nil
			b.Blobs = map[digest.Digest]Blob{digest.FromString("manifest"): {
				Held: true, Document: true, Ingest: &Ingest{Started: at(1.65), Updated: at(1.65)},
			}}
			var p Pull
			for now := 2.0; now <= 130; now++ {
				for i := range 3 {
					if test.moves || now < 4 {
						a.open(i, 1.5, int64(now), now)
					}
				}
				p = s.poll(now).Active[1]
			}
			if p.Phase != test.phase || p.Stalled != test.stalled {
				t.Errorf("%s, stalled %t; want %s, %t", p.Phase, p.Stalled, test.phase, test.stalled)
			}
		})
	}
}

// A pull on a slow link moves, though nothing is seen of it for longer than the threshold,
// and who waits for its slots is queued.
func TestQueuedBehindSlowSteps(t *testing.T) {
	l := &link{rate: 45e3, parallel: 3, sizes: []int64{5 << 20, 5 << 20, 5 << 20}}
	s := newScene(3)
	a := l.pull(s, "big")
	b := s.lease("b", "app", 75, 1)
	b.Root.Committed = at(-1)
	b.Blobs[b.Manifest.Config.Digest] = Blob{Held: true, Committed: at(-1)}
	b.open(0, 75, 0, 75)
	for now := 1.0; now <= 200; now++ {
		l.play(now)
		l.show(a, true)
		active := s.poll(now).Active
		if slow := active[0]; slow.Stalled && now > 71 {
			t.Fatalf("at %g s: the slow pull is stalled, idle for %s", now, slow.Idle)
		}
		if p := active[1]; now > 75 && (p.Stalled || p.Phase != Queued) {
			t.Fatalf("at %g s: %s, stalled %t; want queued", now, p.Phase, p.Stalled)
		}
	}
	l.dead = 220 // in mid-step, which may take half as long again
	for now := 201.0; now <= 400; now++ {
		l.play(now)
		l.show(a, true)
		if p := s.poll(now).Active[0]; p.Stalled != (p.Idle > 105*time.Second) {
			t.Fatalf("at %g s: stalled %t, idle for %s", now, p.Stalled, p.Idle)
		}
	}
}

func TestRateAndRemaining(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "app", 0, 1)
	a.open(0, 0.1, 0, 0.1)
	if p := s.poll(0.1).Active[0]; p.Remaining >= 0 {
		t.Errorf("remaining %s while only the config has come, want unknown", p.Remaining)
	}
	for second := 1.0; second <= 8; second++ {
		a.open(0, 0.1, int64(100*second), second)
		s.poll(second)
	}
	p := s.poll(8).Active[0]
	if p.Rate < 99 || p.Rate > 101 {
		t.Errorf("rate %g, want 100", p.Rate)
	}
	if p.Remaining.Round(100*time.Millisecond) != 2*time.Second {
		t.Errorf("remaining %s, want 2 s", p.Remaining)
	}
}
