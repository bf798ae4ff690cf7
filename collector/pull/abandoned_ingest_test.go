package pull

import (
	"testing"
)

// A lease that was abandoned long ago goes on to list its ingests. Whoever goes on with them
// has them, also where its lease is the older one.
func TestIngestOfAnAbandonedPull(t *testing.T) {
	for name, test := range map[string]struct {
		created            float64
		downloaded, cached int64
	}{
		"by a later pull":      {400, 400, 610},
		"by one that is older": {-1, 410, 600}, // it has fetched the config
	} {
		t.Run(name, func(t *testing.T) {
			created := test.created
			s := newScene(0)
			var b *actor
			if created < 0 {
				b = s.lease("b", "app", created, 1)
			}
			a := s.lease("a", "app", 0, 1)
			a.Orchestrated = false
			a.open(0, 0.1, 600, 2)
			if s.quietly(10, 390) != 310 {
				t.Fatal("it was not abandoned")
			}
			if b == nil {
				b = s.lease("b", "app", created, 1)
			}
			b.Root.Committed, b.Blobs[b.Manifest.Config.Digest] = at(0.01), a.Blobs[a.Manifest.Config.Digest]
			for now := 401.0; now < 440; now++ {
				for _, p := range []*actor{a, b} {
					p.open(0, 0.1, 600+int64(now-400), now)
					p.Blobs[layerDigest("app", 0)].Ingest.Seen, p.Blobs[layerDigest("app", 0)].Ingest.Before = true, 600+int64(now-401)
				}
				u := s.poll(now)
				if len(u.Active) != 1 || u.Active[0].ID.Lease != "b" || len(s.ended) != 1 {
					t.Fatalf("at %g s %d run and %d have ended, want the other one to run", now, len(u.Active), len(s.ended))
				}
			}
			b.committed(0, 440, true)
			if p := s.poll(441).Active[0]; p.Downloaded != test.downloaded || p.Cached != test.cached {
				t.Errorf("downloaded %d, cached %d; want %d and %d", p.Downloaded, p.Cached, test.downloaded, test.cached)
			}
		})
	}
}

// The same where nobody has seen the other one write: it is over when it is seen first.
func TestIngestOfAnAbandonedPullThatNobodySaw(t *testing.T) {
	s := newScene(0)
	a := s.lease("a", "app", 0, 1)
	a.Orchestrated = false
	a.open(0, 0.1, 600, 2)
	if s.quietly(10, 390) != 310 {
		t.Fatal("it was not abandoned")
	}
	for _, start := range []float64{400, 500} { // the second one after what the first had was collected
		b := s.lease("b"+at(start).String(), "app", start, 1)
		b.Root.Committed, b.Blobs[b.Manifest.Config.Digest] = at(0.01), a.Blobs[a.Manifest.Config.Digest]
		b.committed(0, start+0.2, true)
		a.Blobs[layerDigest("app", 0)] = Blob{Held: true, Opening: true, Committed: at(start + 0.2)}
		s.event(BlobCommitted, start+0.2, layerDigest("app", 0))
		s.poll(start + 0.3)
		s.stored("app", "1", start+0.4)
		b.Gone = true
		s.poll(start + 0.5)
		s.poll(start + 1)
	}
	if len(s.ended) != 3 || s.ended[1].Downloaded != 400 || s.ended[2].Downloaded != 1000 {
		t.Errorf("%d have ended, the others with %d and %d bytes; want 400 and 1000", len(s.ended), s.ended[1].Downloaded, s.ended[2].Downloaded)
	}
}
