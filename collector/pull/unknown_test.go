package pull

import (
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// How a pull ended that recorded nothing, fetched nothing and unpacked nothing is not known:
// something else may have pinned the image. Where it did anything, or somebody says why, it
// has failed.
func TestEndOfWhatDidNothing(t *testing.T) {
	web := waiter("web", "app", "1", 0)
	for name, test := range map[string]struct {
		before func(*scene, *actor) // the first poll
		play   func(*scene, *actor)
		want   Outcome
		err    ErrorType
	}{
		"all of it was there": {
			want: Unknown,
		},
		"the orchestrator says why": {
			before: func(s *scene, _ *actor) { s.wait(0, web) },
			play:   func(s *scene, _ *actor) { s.fail(1.9, web, ErrNoSpace) },
			want:   Failure, err: ErrNoSpace,
		},
		"a layer was being fetched": {
			before: func(_ *scene, a *actor) { a.open(0, 0.1, 0, 0.1) },
			want:   Failure, err: ErrOther,
		},
		"the root was fetched": {
			before: func(_ *scene, a *actor) { a.Root.Committed = at(0.01) },
			want:   Failure, err: ErrOther,
		},
		"the root was another namespace's": {
			before: func(_ *scene, a *actor) { a.Root.Committed, a.Root.Shared = at(0.01), true },
			want:   Unknown,
		},
		"a layer was unpacked": {
			play: func(s *scene, a *actor) {
				s.event(SnapshotCommitted, 1.5, chainID("app", 0))
				a.unpacked(0, 1.5)
			},
			want: Failure, err: ErrOther,
		},
		"it gave up to unpack a layer": {
			play: func(s *scene, _ *actor) { s.event(SnapshotRemoved, 1.5, chainID("app", 0)) },
			want: Failure, err: ErrOther,
		},
		"a retry has fetched a layer since": {
			before: func(_ *scene, a *actor) { delete(a.Blobs, layerDigest("app", 0)) },
			play: func(s *scene, a *actor) {
				s.poll(1.8)
				b := s.lease("b", "app", 1.9, 1)
				a.committed(0, 1.95, false)
				b.committed(0, 1.95, true)
			},
			want: Unknown,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(3)
			a := s.lease("a", "app", 0, 1)
			a.Root.Committed = at(-10)
			a.Blobs[a.Manifest.Config.Digest] = Blob{Held: true, Committed: at(-10)}
			a.committed(0, -10, true)
			if test.before != nil {
				test.before(s, a)
			}
			s.poll(0.5)
			if test.play != nil {
				test.play(s, a)
			}
			a.Gone = true
			s.poll(2)
			s.poll(2.5)
			if len(s.ended) != 1 || s.ended[0].ID.Lease != "a" {
				t.Fatalf("%d pulls ended, want one", len(s.ended))
			}
			if p := s.ended[0]; p.Outcome != test.want || p.Err != test.err || p.Wasted() > 0 && p.Outcome != Failure {
				t.Errorf("%s %q, want %s %q", p.Outcome, p.Err, test.want, test.err)
			}
		})
	}
}

// A pull that did nothing, and that a pod waits for, is told when it is known why it failed,
// if that is told: its reason is no refusal of another one.
func TestReasonOfWhatDidNothing(t *testing.T) {
	web := waiter("web", "app", "1", 0)
	for name, test := range map[string]struct {
		reason float64
		want   Outcome
		err    ErrorType
	}{
		"told":          {reason: 4, want: Failure, err: ErrUnpack},
		"told too late": {reason: 40, want: Unknown},
		"never told":    {want: Unknown},
	} {
		s := newScene(3)
		s.wait(0, web)
		a := s.lease("a", "app", 2, 1)
		a.Root.Committed = at(-10)
		a.Blobs[a.Manifest.Config.Digest] = Blob{Held: true, Committed: at(-10)}
		a.committed(0, -10, true)
		s.poll(2.5)
		a.Gone = true
		refused := 0
		for now := 3.0; now < 60; now += 0.5 {
			if test.reason > 0 && now >= test.reason {
				s.fail(test.reason, web, ErrUnpack)
				test.reason = 0
			}
			refused += len(s.poll(now).Refused)
		}
		if len(s.ended) != 1 || s.ended[0].Outcome != test.want || s.ended[0].Err != test.err || refused != 0 {
			t.Errorf("%s: ended %+v with %d refused, want %s %q", name, s.ended, refused, test.want, test.err)
		}
	}
}

// A pull whose root waits for a download slot may be given up before a look sees its ingest:
// that its lease lists it shows that it had begun to fetch.
func TestGivenUpBeforeItsRootWasSeenOpen(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "app", 0, 1)
	a.Manifest, a.Blobs, a.Chains = nil, nil, nil
	a.Root = Blob{Held: true, Opening: true}
	a.Gone = true
	s.poll(2)
	s.poll(3)
	if len(s.ended) != 1 || s.ended[0].Outcome != Failure {
		t.Errorf("ended %+v, want a failure", s.ended)
	}
}

// What was taken for a manifest, since nobody saw its ingest, is the config as soon as the
// manifest says so: its bytes are the image's.
func TestConfigThatWasTakenForADocument(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "app", 0, 1)
	manifest, config := a.Manifest, a.Manifest.Config.Digest
	a.Manifest = nil
	a.Blobs = map[digest.Digest]Blob{config: {Held: true, Committed: at(0.1), Size: 10, Document: true}}
	s.poll(1)
	a.Manifest = manifest
	a.Blobs[config] = Blob{Held: true, Committed: at(0.1)}
	a.committed(0, 1.5, true)
	if p := s.poll(2).Active[0]; p.Downloaded != 1010 || p.Cached != 0 {
		t.Errorf("%d bytes downloaded, %d cached; want 1010 and none", p.Downloaded, p.Cached)
	}
}

// What a manifest that cannot be read names is known only once a layer has come: until then
// it may be a manifest, whose bytes are not the image's.
func TestBlobThatIsNoDocumentAfterAll(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "app", 0, 1)
	config := a.Manifest.Config.Digest
	a.Manifest = nil
	a.Blobs = map[digest.Digest]Blob{config: {Held: true, Committed: at(0.1), Size: 10, Document: true}}
	s.poll(1)
	a.Blobs[config] = Blob{Held: true, Committed: at(0.1), Size: 10}
	a.Blobs[layerDigest("app", 0)] = Blob{Held: true, Size: 1000, Ingest: &Ingest{Offset: 500, Started: at(1), Updated: at(1.5)}}
	if p := s.poll(2).Active[0]; p.Downloaded != 510 || p.TotalKnown || p.Phase != Downloading {
		t.Errorf("%d bytes, size known %t, %s; want 510 of an unknown size, downloading", p.Downloaded, p.TotalKnown, p.Phase)
	}
}

// The manifest below an index waits for a slot as its layers do. That counts also where a look
// has read it before the config came.
func TestManifestThatWaitedForASlot(t *testing.T) {
	s := newScene(1)
	front := s.lease("front", "front", 0, 1)
	front.open(0, 0.1, 100, 0.5)
	a := s.lease("a", "app", 1, 1)
	config, m := a.Manifest.Config.Digest, a.Manifest
	below := layerDigest("app", 7)
	a.Manifest = nil
	a.Blobs = map[digest.Digest]Blob{below: {Held: true, Opening: true, Size: 9, Document: true, Ingest: &Ingest{Started: at(1.1), Updated: at(1.1)}}}
	for now := 2.0; now < 6; now++ {
		front.open(0, 0.1, int64(now)*100, now)
		s.poll(now)
	}
	front.committed(0, 6, true)
	s.event(BlobCommitted, 6, layerDigest("front", 0))
	s.event(BlobCommitted, 6.1, below)
	a.Manifest = m
	a.Blobs = map[digest.Digest]Blob{config: {}, layerDigest("app", 0): {}} // looked for, and not there yet
	s.poll(6.2)
	a.Blobs[config] = Blob{Held: true, Committed: at(6.3)}
	a.committed(0, 6.5, true)
	a.unpacked(0, 6.6)
	s.stored("app", "1", 6.7)
	a.Gone = true
	s.poll(7)
	s.poll(8)
	if len(s.ended) != 1 {
		t.Fatalf("%d pulls ended, want 1", len(s.ended))
	}
	if got := s.ended[0].Queued; got < 4800*time.Millisecond || got > 5200*time.Millisecond {
		t.Errorf("it waited for slots for %s, want some 4.9 s", got)
	}
	if p := s.ended[0]; p.Downloaded != 1010 {
		t.Errorf("%d bytes, want 1010 without the manifest's", p.Downloaded)
	}
}
