package pull

import (
	"slices"
	"testing"
)

// A pull that is given up is not told with what the one that takes over its layer
// fetches, though that is done before the failed pull is settled.
func TestTakeover(t *testing.T) {
	s := newScene(3)
	a, b := s.lease("a", "base", 0, 1), s.lease("b", "base", 0.2, 1)
	d := layerDigest("base", 0)
	a.open(0, 0.1, 500, 0.9)
	b.watch(0.1, 500, 0.9)
	s.poll(1)

	s.event(SnapshotRemoved, 1.5, chainID("base", 0))
	a.open(0, 0.1, 800, 1.55) // by the other one
	b.open(0, 0.1, 800, 1.55)
	a.Gone = true
	s.poll(1.6)
	b.committed(0, 1.7, true)
	s.event(BlobCommitted, 1.7, d)
	b.unpacked(0, 1.75)
	s.event(SnapshotCommitted, 1.75, chainID("base", 0))
	s.stored("base", "1", 1.8)
	s.poll(1.81)
	b.Gone = true
	s.poll(1.9)
	s.poll(3)

	if len(s.ended) != 2 {
		t.Fatalf("%d pulls ended, want 2", len(s.ended))
	}
	for _, p := range s.ended {
		l := p.Layers[0]
		switch p.ID.Lease {
		case "a":
			if p.Outcome == Success || l.Downloaded != 500 || !p.End.Equal(at(1.5)) || l.Download.End.After(p.End) || l.Unpack.Happened() {
				t.Errorf("the failed pull: %s at %s, %+v; want 500 bytes until 1.5 s", p.Outcome, p.End, l)
			}
		case "b":
			if p.Outcome != Success || l.Download.End != at(1.7) || l.Unpack.End != at(1.75) {
				t.Errorf("the one that took over: %s, %+v; want its download and unpack", p.Outcome, l)
			}
		}
	}
}

// What the first pull had fetched is not counted for the one that took over, also
// where no poll saw it at work.
func TestTakeoverBetweenPolls(t *testing.T) {
	for name, opened := range map[string]float64{"opened before the second pull": 0.1, "opened after it": 0.3} {
		t.Run(name, func(t *testing.T) { testTakeoverBetweenPolls(t, opened) })
	}
}

func testTakeoverBetweenPolls(t *testing.T, opened float64) {
	t.Helper()
	s := newScene(3)
	a, b := s.lease("a", "base", 0, 1), s.lease("b", "base", 0.2, 1)
	a.open(0, opened, 600, 0.9)
	b.watch(opened, 600, 0.9)
	s.poll(1)
	a.Gone = true
	s.poll(1.1)
	s.poll(1.4)
	b.committed(0, 1.5, true)
	if got := s.poll(2).Active[0]; got.Downloaded != 410 || got.Cached != 600 {
		t.Errorf("downloaded %d, cached %d; want 410 with the config, and 600", got.Downloaded, got.Cached)
	}
}

// A client that was killed leaves its lease. When another pull goes on with what it was
// fetching, nobody drives the first one any more: what comes from then on is the other
// one's, and each byte is counted once.
func TestIngestThatAnotherPullTakesOver(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "app", 0, 2)
	a.Orchestrated = false
	a.open(0, 0.1, 600, 3)
	a.open(1, 0.1, 0, 0.1)
	s.poll(1)
	s.poll(4)
	s.poll(15)

	b := s.lease("b", "app", 20, 2)
	b.Orchestrated = false
	b.Root.Committed = a.Root.Committed
	b.Blobs[b.Manifest.Config.Digest] = a.Blobs[a.Manifest.Config.Digest]
	for _, p := range []*actor{a, b} { // the dead one's lease lists them, too
		p.open(0, 0.1, 700, 20.5)
		p.open(1, 0.1, 100, 20.5)
	}
	u := s.poll(21)
	if len(u.Active) != 1 || len(u.Over) != 1 || len(u.Ended) != 0 {
		t.Fatalf("%d run, %d are over, %d have ended; want one to run, and one that is over", len(u.Active), len(u.Over), len(u.Ended))
	}
	if over, p := u.Over[0], u.Active[0]; over.ID.Lease != "a" || over.Downloaded != 610 || p.Downloaded != 200 || p.Cached != 610 {
		t.Errorf("downloaded %d and %d, cached %d; want 610 of the dead one, and 200 on top of what it had", over.Downloaded, p.Downloaded, p.Cached)
	}
	for i := range 2 {
		a.committed(i, 24, false)
		b.committed(i, 24, true)
		s.event(BlobCommitted, 24, layerDigest("app", i))
		s.event(SnapshotCommitted, 25, chainID("app", i))
		a.Chains[chainID("app", i)] = Snapshot{Created: at(25)}
		b.unpacked(i, 25)
	}
	s.poll(25.1)
	s.poll(27)
	s.stored("app", "1", 27.5)
	b.Gone = true
	s.poll(28)
	s.poll(29)
	for range 10 {
		u = s.poll(s.tracker.observed.Sub(epoch).Seconds() + 60)
	}

	if len(u.Active)+len(u.Over) != 0 || len(s.ended) != 2 || len(s.started) != 2 {
		t.Fatalf("%d began, %d ended; want two, each once", len(s.started), len(s.ended))
	}
	for _, p := range s.ended {
		switch p.ID.Lease {
		case "a":
			if p.Outcome != Unknown || p.Err != ErrAbandoned || !p.End.Equal(at(3)) || !slices.Contains(p.Estimated, PullEnd) {
				t.Errorf("the dead one: %s %q at %s, estimated %v; want unknown, abandoned, at 3 s, estimated", p.Outcome, p.Err, p.End, p.Estimated)
			}
			if p.Downloaded != 610 || p.Wasted() != 0 || p.Layers[0].Unpack.Happened() {
				t.Errorf("the dead one: downloaded %d, wasted %d, %+v; want 610 and nothing wasted or unpacked", p.Downloaded, p.Wasted(), p.Layers)
			}
		case "b":
			if p.Outcome != Success || p.Downloaded != 1400 || p.Cached != 610 || !p.Layers[1].Unpack.Happened() {
				t.Errorf("the other one: %s, downloaded %d, cached %d, %+v; want success with 1400 and 610", p.Outcome, p.Downloaded, p.Cached, p.Layers)
			}
		}
	}
}

// The other pull may be done before anybody has seen it write: that the dead one's lease goes
// on to list the ingest of what is there tells that it was not its own commit, whatever is
// known of it first.
func TestTakeoverThatNobodySaw(t *testing.T) {
	for name, test := range map[string]struct {
		event bool // tells of the commit
		early bool // before any reading does
		quick bool // the other pull is over at once
		twice bool // and has two records, so that it is known at once that it went well
		late  bool // the other pull is first seen when it is known already that the first one is dead
	}{
		"without an event":                      {},
		"with an event":                         {event: true},
		"with an event before the reading":      {event: true, early: true},
		"and is over at once":                   {quick: true},
		"with an event, and is over at once":    {event: true, early: true, quick: true},
		"and is over at once, with two records": {quick: true, twice: true},
		"and is seen late":                      {late: true},
		"and is seen late, when it is over":     {quick: true, late: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(3)
			a := s.lease("a", "app", 0, 1)
			a.Orchestrated = false
			a.open(0, 0.1, 600, 3)
			for _, now := range []float64{1, 4, 15} {
				s.poll(now)
			}
			b := s.lease("b", "app", 20, 1)
			b.Orchestrated = false
			b.Root.Committed = a.Root.Committed
			b.Blobs[b.Manifest.Config.Digest] = a.Blobs[a.Manifest.Config.Digest]
			if test.event {
				s.event(BlobCommitted, 20.3, layerDigest("app", 0))
			}
			if test.early {
				s.poll(20.31)
			}
			b.committed(0, 20.3, true)
			a.Blobs[layerDigest("app", 0)] = Blob{Held: true, Opening: true, Committed: at(20.3)}
			b.unpacked(0, 20.4)
			a.Chains[chainID("app", 0)] = Snapshot{Created: at(20.4)}
			s.event(SnapshotCommitted, 20.4, chainID("app", 0))
			s.stored("app", "1", 20.5)
			if test.twice {
				s.stored("app", "", 20.51)
			}
			if test.quick {
				b.Gone = true
			}
			if test.late {
				s.running = []*actor{a}
				s.poll(20.55)
				s.running = append(s.running, b)
			}
			for now := 20.6; now < 30; now += 0.3 {
				u := s.poll(now)
				for _, c := range u.Changes {
					if c.Kind == Resumed {
						t.Errorf("%s resumed at %g s", c.Pull.ID.Lease, now)
					}
				}
				b.Gone = b.Gone || now > 22
			}
			if len(s.ended) != 2 {
				t.Fatalf("%d have ended, want both", len(s.ended))
			}
			for _, p := range s.ended {
				switch p.ID.Lease {
				case "a":
					if p.Err != ErrAbandoned || p.Downloaded != 610 || !p.End.Equal(at(3)) {
						t.Errorf("the dead one: %s %q at %s with %d bytes; want abandoned at 3 s with 610", p.Outcome, p.Err, p.End, p.Downloaded)
					}
				case "b":
					if p.Outcome != Success || p.Downloaded != 400 || p.Cached != 610 || !p.Layers[0].Unpack.Happened() {
						t.Errorf("the other one: %s with %d bytes, %d cached, %+v; want success with 400, 610", p.Outcome, p.Downloaded, p.Cached, p.Layers)
					}
				}
			}
		})
	}
}

// A look that asks for the lease before a commit, and for the blob after it, tells of no other
// pull.
func TestCommitInTheMiddleOfALook(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "app", 0, 1)
	a.open(0, 0.1, 600, 0.9)
	s.poll(1)
	a.Blobs[layerDigest("app", 0)] = Blob{Held: true, Opening: true, Committed: at(1.98)}
	s.poll(2)
	a.committed(0, 1.98, true)
	p := s.poll(3).Active[0]
	if p.Downloaded != 1010 || p.Phase != Unpacking || !p.Layers[0].Download.End.Equal(at(1.98)) {
		t.Errorf("downloaded %d, %s, %+v; want all of it until 1.98 s", p.Downloaded, p.Phase, p.Layers[0])
	}
	for now := 4.0; now < 20; now++ {
		if s.poll(now); len(s.ended) > 0 {
			t.Fatalf("it has ended: %+v", s.ended)
		}
	}
}

// A pull that fails leaves its ingest to the next one a moment before its lease goes: it has
// failed, and was not abandoned.
func TestTakeoverOfAPullThatFails(t *testing.T) {
	s := newScene(3)
	a, b := s.lease("a", "base", 0, 1), s.lease("b", "base", 0.2, 1)
	a.open(0, 0.1, 500, 0.9)
	b.watch(0.1, 500, 0.9)
	s.poll(1)
	s.event(SnapshotRemoved, 1.5, chainID("base", 0))
	a.open(0, 0.1, 800, 1.55)
	b.open(0, 0.1, 800, 1.55)
	s.poll(1.56)
	a.Gone = true
	s.poll(1.6)
	s.poll(2)
	if len(s.ended) != 1 || s.ended[0].Outcome != Failure || s.ended[0].Downloaded != 510 || !s.ended[0].End.Equal(at(1.5)) {
		t.Errorf("ended %+v, want one failure at 1.5 s with 510 bytes", s.ended)
	}
}

// One that goes by from the first look on: nobody has seen it run, and the one that fetches
// has all that comes.
func TestTakeoverBeforeTheFirstLook(t *testing.T) {
	for name, order := range map[string][2]string{"dead one first": {"a", "b"}, "dead one last": {"b", "a"}} {
		t.Run(name, func(t *testing.T) {
			s := newScene(3)
			for _, id := range order {
				start := map[string]float64{"a": -40, "b": 0}[id]
				p := s.lease(id, "app", start, 1)
				p.Root.Committed = at(-40)
				p.Blobs[p.Manifest.Config.Digest] = Blob{Held: true, Committed: at(-39)}
				p.open(0, -39, 700, 1)
			}
			u := s.poll(1)
			if len(u.Started) != 1 || len(u.Active) != 1 || u.Active[0].ID.Lease != "b" || u.Active[0].Cached+u.Active[0].Downloaded != 710 {
				t.Errorf("began %+v, want the one that fetches alone", u.Started)
			}
		})
	}
}

// Each look may come between two commits: its lease still lists the ingest of a blob that is
// there by the time it is asked for, each time of another one. Such a pull is alive.
func TestCommitsInTheMiddleOfManyLooks(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "app", 0, 8)
	for i := range 8 {
		now := 0.2 * float64(i+1)
		a.committed(i, now, true)
		d := a.Manifest.Layers[i].Digest
		b := a.Blobs[d]
		b.Opening = true
		a.Blobs[d] = b
		s.poll(now + 0.01)
		b.Opening = false
		a.Blobs[d] = b
	}
	s.poll(2)
	for i := range 8 {
		a.unpacked(i, 2.1)
		s.event(SnapshotCommitted, 2.1, chainID("app", i))
	}
	s.stored("app", "1", 2.2)
	a.Gone = true
	for now := 2.21; now < 3; now += 0.3 {
		s.poll(now)
	}
	if len(s.started) != 1 || len(s.ended) != 1 || s.ended[0].Outcome != Success || s.ended[0].Downloaded != 8*layerSize+10 {
		t.Errorf("started %d, ended %+v; want one success of all bytes", len(s.started), s.ended)
	}
}
