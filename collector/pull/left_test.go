package pull

import "testing"

// The runtime ends just after a pull that goes on with what a dead client left has gone
// well, before the dead one was told. The runtime recorded the image twice, by its tag and by
// its digest: none of that is of the dead one.
func TestRuntimeEndsAfterATakeover(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "app", 0, 1)
	a.open(0, 0.1, 600, 3)
	s.poll(1)
	s.poll(4)

	b := s.lease("b", "app", 10, 1)
	b.Root.Committed = a.Root.Committed
	b.Blobs[b.Manifest.Config.Digest] = a.Blobs[a.Manifest.Config.Digest]
	for _, p := range []*actor{a, b} {
		p.open(0, 0.1, 700, 10.5)
	}
	s.poll(11)
	for _, p := range []*actor{a, b} {
		p.committed(0, 11.5, p == b)
	}
	s.event(BlobCommitted, 11.5, layerDigest("app", 0))
	b.unpacked(0, 11.6)
	s.event(SnapshotCommitted, 11.6, chainID("app", 0))
	s.stored("app", "1", 11.7)
	b.Gone = true
	s.poll(11.71)
	s.stored("app", "", 11.72)
	s.poll(12)
	a.Gone, a.Lost = true, at(13)
	s.poll(14)
	s.poll(15)

	if len(s.ended) != 2 {
		t.Fatalf("%d pulls ended, want 2", len(s.ended))
	}
	if p := s.ended[0]; p.ID.Lease != "b" || p.Outcome != Success || p.Downloaded != 400 {
		t.Errorf("the first that is told: %s, %s, downloaded %d; want b, success, 400", p.ID.Lease, p.Outcome, p.Downloaded)
	}
	if p := s.ended[1]; p.Outcome != Unknown || p.Err != ErrAbandoned || p.Downloaded != 610 || !p.End.Equal(at(3)) {
		t.Errorf("the dead one: %s %q at %s, downloaded %d; want unknown, abandoned, at 3 s, 610", p.Outcome, p.Err, p.End, p.Downloaded)
	}
}

// Pulltrace is started after a dead client's image was pulled again, and has seen no more than
// its lease when the runtime ends: the record is older than a lease stays whose pull is done.
func TestRuntimeEndsRightAfterTheStart(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "app", 0, 1)
	a.committed(0, 5, true)
	a.unpacked(0, 5.5)
	e := func(tag string, seconds float64) Event {
		image := a.Image
		image.Tag = tag
		return Event{Time: at(seconds), Namespace: "k8s.io", Kind: ImageStored, Digest: a.Image.Root, Image: image}
	}
	a.Records = []Event{e("1", 6), e("", 6.01)}
	a.Gone, a.Lost, a.Listed = true, at(10), at(9.9)
	s.poll(12)
	s.poll(13)
	if len(s.ended) != 1 || s.ended[0].Outcome != Unknown {
		t.Errorf("told: %+v; want one pull that is unknown", s.ended)
	}
}

// The pull that goes on with what a dead client left fails as well: what it added is no
// movement of the dead one.
func TestTakeoverThatFailsIsNoMovement(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "app", 0, 1)
	a.open(0, 0.1, 600, 3)
	s.poll(1)
	s.poll(4)
	b := s.lease("b", "app", 10, 1)
	b.Root.Committed = a.Root.Committed
	b.Blobs[b.Manifest.Config.Digest] = a.Blobs[a.Manifest.Config.Digest]
	for _, p := range []*actor{a, b} {
		p.open(0, 0.1, 700, 10.5)
	}
	s.poll(11)
	b.Gone = true
	s.poll(12)
	for seconds := 13.; seconds < 30; seconds++ {
		s.poll(seconds)
	}
	if len(s.started) != 2 || len(s.ended) != 2 {
		t.Errorf("%d pulls began and %d ended, want 2", len(s.started), len(s.ended))
	}
}
