package pull

import (
	"testing"

	"github.com/opencontainers/go-digest"
)

// A retry that begins within a poll of a pull that failed has fetched what it has
// fetched: also where the first one is not settled yet when the second has ended.
func TestRetryWithinAPoll(t *testing.T) {
	for name, times := range map[string]struct{ missed, gone float64 }{
		"the failure is seen with what the retry has done":  {missed: 1.11, gone: 2},
		"and the retry is over at once":                     {missed: 1.11, gone: 1.15},
		"the failure is seen just before that":              {missed: 0.98, gone: 1.15},
		"the failure is seen before the retry has begun":    {missed: 0.85, gone: 1.15},
		"the failure is settled before the retry has begun": {missed: 0.62, gone: 1.15},
	} {
		t.Run(name, func(t *testing.T) { testRetryWithinAPoll(t, times.missed, times.gone) })
	}
}

// A pull fails in its unpack, and its retry goes well, all between two looks: the record is the
// retry's, by whatever name.
func TestRetryBetweenTwoPolls(t *testing.T) {
	s := newScene(3)
	first := s.lease("first", "base", 0, 1)
	first.open(0, 0.1, 500, 0.4)
	s.event(SnapshotPrepared, 0.1, chainID("base", 0))
	s.poll(0.5)

	s.event(SnapshotRemoved, 1, chainID("base", 0))
	second := s.lease("second", "base", 1.1, 1)
	second.Root.Committed = first.Root.Committed
	second.Blobs[second.Manifest.Config.Digest] = first.Blobs[first.Manifest.Config.Digest]
	s.comes(BlobCommitted, 2, layerDigest("base", 0), first, second)
	s.comes(SnapshotCommitted, 2.1, chainID("base", 0), first, second)
	s.stored("base", "1", 2.2)
	s.stored("base", "", 2.21)
	first.Gone, second.Gone = true, true
	s.poll(5)
	s.poll(6)
	s.poll(6.1)

	if len(s.ended) != 2 {
		t.Fatalf("%d pulls ended, want 2", len(s.ended))
	}
	for _, p := range s.ended {
		switch p.ID.Lease {
		case "first":
			if p.Outcome != Failure || !p.End.Equal(at(1)) || p.Downloaded != 510 {
				t.Errorf("the first: %s at %s, downloaded %d; want failure at 1 s, 510", p.Outcome, p.End, p.Downloaded)
			}
		case "second":
			if p.Outcome != Success || p.Downloaded != 1000 {
				t.Errorf("the retry: %s, downloaded %d; want success, 1000", p.Outcome, p.Downloaded)
			}
		}
	}
}

// testRetryWithinAPoll plays a pull that is refused its config at 0.6 s, and is missed
// by a poll, and its retry from 0.9 s on.
func testRetryWithinAPoll(t *testing.T, missed, gone float64) {
	t.Helper()
	s := newScene(3)
	first := s.lease("first", "base", 0, 1)
	config := first.Manifest.Config.Digest
	first.Blobs[config] = Blob{Held: true, Ingest: &Ingest{Started: at(0.1), Updated: at(0.1)}}
	s.poll(0.5)

	var second *actor
	happen := []struct {
		at float64
		do func()
	}{
		{0.6, func() { first.Blobs[config] = Blob{}; first.Gone = true }},
		{0.9, func() {
			second = s.lease("second", "base", 0.9, 1)
			second.Root = Blob{Held: true, Committed: at(0.01)}
			second.Blobs[config] = Blob{}
		}},
		{1, func() { s.comes(BlobCommitted, 1, config, first, second) }},
		{1.05, func() { s.comes(BlobCommitted, 1.05, layerDigest("base", 0), first, second) }},
		{1.1, func() { s.comes(SnapshotCommitted, 1.1, chainID("base", 0), first, second) }},
		{1.12, func() { s.stored("base", "1", 1.12); s.stored("base", "", 1.13) }},
		{gone, func() { second.Gone = true }},
	}
	for now := missed; now < 3; now += 0.05 {
		for len(happen) > 0 && happen[0].at < now {
			happen[0].do()
			happen = happen[1:]
		}
		s.poll(now)
	}

	if len(s.ended) != 2 {
		t.Fatalf("%d pulls ended, want 2", len(s.ended))
	}
	for _, p := range s.ended {
		switch p.ID.Lease {
		case "first":
			if p.Outcome != Failure || p.Downloaded != 0 || p.Layers[0].Unpack.Happened() {
				t.Errorf("the first: %s with %d bytes, %+v; want a failure with nothing", p.Outcome, p.Downloaded, p.Layers)
			}
		case "second":
			if p.Outcome != Success || p.Downloaded != 1010 || p.Cached != 0 || !p.Layers[0].Unpack.Happened() {
				t.Errorf("the second: %s, %d fetched, %d cached, %+v; want all fetched", p.Outcome, p.Downloaded, p.Cached, p.Layers)
			}
		}
	}
}

// comes tells of a blob or a snapshot that came to the node, which all readings have
// and the lease of the last pull holds.
func (s *scene) comes(kind EventKind, seconds float64, d digest.Digest, pulls ...*actor) {
	s.event(kind, seconds, d)
	for i, a := range pulls {
		held := i == len(pulls)-1
		if kind == BlobCommitted {
			a.Blobs[d] = Blob{Held: held, Committed: at(seconds)}
		} else {
			a.Chains[d] = Snapshot{Held: held, Created: at(seconds)}
		}
	}
}
