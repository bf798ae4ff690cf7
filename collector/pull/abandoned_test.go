package pull

import (
	"slices"
	"testing"
)

// quietly polls until a time, every ten seconds, and returns when a pull was told as ended.
func (s *scene) quietly(from, until float64) (ended float64) {
	for now := from; now <= until; now += 10 {
		if s.poll(now); len(s.ended) > 0 {
			return now
		}
	}
	return 0
}

// A pull that has not moved for so long that nobody can be behind it ends, where the runtime
// would have ended it, or nobody would.
func TestPullThatNobodyDrives(t *testing.T) {
	unpacking := func(_ *scene, a *actor) { a.committed(0, 1, true) }
	for name, test := range map[string]struct {
		play         func(*scene, *actor)
		orchestrated bool
		waits        bool
		ended        float64 // 0: not within two hours
		end          float64
	}{
		"a client of its own":                  {ended: 310, end: 2},
		"it unpacks":                           {play: unpacking, ended: 1810, end: 1},
		"of the orchestrator":                  {orchestrated: true, ended: 910, end: 2},
		"of the orchestrator, unpacks":         {play: unpacking, orchestrated: true, ended: 3610, end: 1},
		"of the orchestrator, and a pod waits": {orchestrated: true, waits: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(0)
			a := s.lease("a", "app", 0, 1)
			a.Orchestrated = test.orchestrated
			a.open(0, 0.1, 300, 2)
			if test.play != nil {
				test.play(s, a)
			}
			if test.waits {
				s.wait(0, waiter("web", "app", "1", 0))
			}
			if got := s.quietly(10, 7200); got != test.ended {
				t.Fatalf("ended at %g s, want %g", got, test.ended)
			}
			if test.ended == 0 {
				return
			}
			if p := s.ended[0]; p.Outcome != Unknown || p.Err != ErrAbandoned || !p.End.Equal(at(test.end)) || !slices.Contains(p.Estimated, PullEnd) {
				t.Errorf("%s %q at %s, estimated %v; want unknown, abandoned, at %g s, estimated", p.Outcome, p.Err, p.End, p.Estimated, test.end)
			}
			for now := test.ended + 10; now < test.ended+1000; now += 10 {
				if u := s.poll(now); len(u.Started)+len(u.Active)+len(u.Ended) > 0 {
					t.Fatalf("it came back at %g s", now)
				}
			}
		})
	}
}

// Time in which a pull waits for others that move is not time in which nobody drives it, nor
// is time in which nobody looked.
func TestTimeThatIsNotQuiet(t *testing.T) {
	t.Run("queued", func(t *testing.T) {
		s := newScene(1)
		a := s.lease("a", "other", 0, 1)
		a.open(0, 0.1, 0, 0.1)
		b := s.lease("b", "app", 1, 1)
		b.Orchestrated = false
		b.open(0, 1.1, 0, 1.1)
		for now := 10.0; now <= 900; now += 10 {
			a.open(0, 0.1, int64(now), now)
			if s.poll(now); len(s.ended) > 0 {
				t.Fatalf("ended at %g s, while it waited for a slot", now)
			}
		}
		a.Gone = true
		if got := s.quietly(910, 2000); got != 920 || s.ended[0].ID.Lease != "a" {
			t.Fatalf("ended at %g s: %s, want the other one at 920", got, s.ended[0].ID.Lease)
		}
		s.ended = nil
		if got := s.quietly(930, 2000); got < 1190 || got > 1220 {
			t.Errorf("ended at %g s, want 300 s after it waited no longer", got)
		}
	})
	t.Run("not looked at", func(t *testing.T) {
		s := newScene(0)
		a := s.lease("a", "app", 0, 1)
		a.Orchestrated = false
		a.open(0, 0.1, 300, 2)
		s.poll(10)
		if got := s.quietly(4000, 8000); got < 4200 || got > 4250 {
			t.Errorf("ended at %g s, want when it was seen to be quiet for 300 s, of which a gap is one minute", got)
		}
	})
}

// What was dead before anybody looked is no pull: an earlier process has told it, or nobody
// has seen it run.
func TestDeadBeforeTheFirstLook(t *testing.T) {
	s := newScene(0)
	a := s.lease("a", "app", -4000, 1)
	a.Orchestrated = false
	a.open(0, -3999, 300, -3000)
	for now := 0.0; now < 100; now += 10 {
		if u := s.poll(now); len(u.Started)+len(u.Active)+len(u.Ended)+len(u.Changes) > 0 {
			t.Fatalf("at %g s it was told: %+v", now, u)
		}
	}
}

// An abandoned pull is told by a turn of its own, which is no failure.
func TestChangeOfAnAbandonedPull(t *testing.T) {
	s := newScene(0)
	a := s.lease("a", "app", 0, 1)
	a.Orchestrated = false
	a.open(0, 0.1, 300, 2)
	var kinds []ChangeKind
	for now := 10.0; now < 400; now += 10 {
		for _, c := range s.poll(now).Changes {
			kinds = append(kinds, c.Kind)
		}
	}
	if want := []ChangeKind{Started, Stalled, Abandoned}; !slices.Equal(kinds, want) || Abandoned.Worrying() {
		t.Errorf("turns %v, want %v, the last of them no worry", kinds, want)
	}
}

// A pull on a link so slow that a step takes minutes is not abandoned when one takes twice
// as long as the last.
func TestSlowStepsAreNotAbandoned(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "app", 0, 1)
	a.Orchestrated = false
	a.Manifest.Layers[0].Size = 10 << 20
	steps, last := int64(0), 0.0
	for now := 1.0; now < 1800; now++ {
		for _, at := range []float64{250, 500, 1000, 1500} {
			if now == at {
				steps, last = steps+1, at
			}
		}
		a.open(0, 0.1, steps<<20, last)
		if u := s.poll(now); len(u.Ended) > 0 {
			t.Fatalf("abandoned at %g s, %g s after its last step", now, now-last)
		}
	}
}

// A pull that moves again after all is a pull again, another one, from then on: what it had
// fetched before was told.
func TestAbandonedPullMovesAgain(t *testing.T) {
	s := newScene(0)
	a := s.lease("a", "app", 0, 1)
	a.Orchestrated = false
	a.open(0, 0.1, 300, 2)
	if s.quietly(10, 390) != 310 {
		t.Fatal("it was not abandoned")
	}
	a.open(0, 0.1, 400, 395)
	b := a.Blobs[layerDigest("app", 0)]
	b.Ingest.Seen, b.Ingest.Before = true, 300
	u := s.poll(400)
	if len(u.Started) != 1 || len(u.Active) != 1 || u.Active[0].Downloaded != 100 || !u.Active[0].Start.Equal(at(310)) || !slices.Contains(u.Active[0].Estimated, PullStart) {
		t.Fatalf("began %d, run %+v; want one that began at the look before, estimated, with 100 bytes", len(u.Started), u.Active)
	}
	if got := u.Active[0].ID; got == s.ended[0].ID || got.Lease != "a" {
		t.Errorf("its ID is %+v, want another one of the same lease", got)
	}
	a.committed(0, 402, true)
	s.event(SnapshotCommitted, 403, chainID("app", 0))
	a.unpacked(0, 403)
	s.poll(404)
	s.stored("app", "1", 405)
	a.Gone = true
	s.poll(406)
	s.poll(407)
	s.poll(408)
	if len(s.started) != 2 || len(s.ended) != 2 || s.ended[1].Outcome != Success || s.ended[1].Downloaded != 700 || s.ended[0].Downloaded != 310 {
		t.Errorf("began %d, ended %+v; want a success with 700 bytes after the 310", len(s.started), s.ended)
	}
}
