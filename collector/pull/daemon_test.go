package pull

import "testing"

// Another daemon answers at the same address, and pulls the same image under a lease of the
// same name. Nothing of it is the first one's, and the other way round.
func TestAnotherDaemon(t *testing.T) {
	s := newScene(3)
	s.daemon = "one"
	done := s.lease("done", "other", 0, 1)
	done.committed(0, 0.5, true)
	a := s.lease("a", "app", 0, 1)
	a.open(0, 0.1, 500, 0.9)
	s.stored("other", "1", 0.95)
	s.poll(1)

	s.daemon, s.running = "two", nil
	b := s.lease("a", "app", 2, 1)
	b.ID.Daemon = "two"
	b.committed(0, 2.5, true)
	b.unpacked(0, 2.6)
	s.event(BlobCommitted, 2.5, layerDigest("app", 0))
	s.stored("app", "1", 2.7)
	b.Gone = true
	s.poll(3)
	s.poll(4)
	s.poll(5)

	if len(s.ended) != 3 {
		t.Fatalf("%d pulls ended, want 3", len(s.ended))
	}
	for _, p := range s.ended {
		want, bytes := Success, int64(1010)
		if p.ID.Daemon == "daemon" && p.ID.Lease == "a" {
			want, bytes = Failure, 510
		}
		if p.Outcome != want || p.Downloaded != bytes {
			t.Errorf("lease %s of daemon %s: %s with %d bytes, want %s with %d", p.ID.Lease, p.ID.Daemon, p.Outcome, p.Downloaded, want, bytes)
		}
	}
}
