package pull

import "testing"

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
