package pull

import "testing"

// A layer whose bytes have all come may still have the wrong digest: until it is
// committed, the image is not all there.
func TestProgressWaitsForTheDigest(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "app", 0, 1)
	a.open(0, 0.1, layerSize, 1)
	p := s.poll(1).Active[0]
	if ratio, _ := p.Progress(); ratio >= 1 || p.Downloaded != p.Size {
		t.Errorf("progress %g with %d of %d bytes, want all bytes and less than 1", ratio, p.Downloaded, p.Size)
	}
	a.Gone = true
	s.poll(2)
	s.poll(3)
	if ratio, _ := s.ended[0].Progress(); ratio >= 1 {
		t.Errorf("the failed pull has progress %g", ratio)
	}

	b := s.lease("b", "app", 10, 1)
	b.open(0, 10.1, layerSize, 11)
	s.poll(11)
	b.committed(0, 12, true)
	if ratio, _ := s.poll(12).Active[0].Progress(); ratio != 1 {
		t.Errorf("progress %g once the layer is committed, want 1", ratio)
	}
}
