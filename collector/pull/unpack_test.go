package pull

import (
	"slices"
	"testing"
)

// Layers that are unpacked in parallel are prepared before the one below is
// committed: each is applied from when its blob has come, and what ends with
// its commit may have ended before.
func TestParallelUnpack(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "app", 0, 2)
	for i := range 2 {
		a.committed(i, 1, true)
		s.event(SnapshotPrepared, 1.1, chainID("app", i))
	}
	p := s.poll(2).Active[0]
	for i := range 2 {
		if l := p.Layers[i]; l.State != LayerUnpacking || l.Unpack != (Span{Start: at(1.1)}) {
			t.Errorf("layer %d is %s, unpack %v; want unpacking since 1.1 s", i, l.State, l.Unpack)
		}
	}
	a.unpacked(0, 4)
	a.unpacked(1, 4.1)
	p = s.poll(5).Active[0]
	if l := p.Layers[0]; l.Unpack != (Span{at(1.1), at(4)}) || len(l.Estimated) != 2 {
		t.Errorf("layer 0: unpack %v, estimated %v; want 1.1 to 4 s and the download", l.Unpack, l.Estimated)
	}
	if l := p.Layers[1]; l.Unpack != (Span{at(1.1), at(4.1)}) || !slices.Contains(l.Estimated, UnpackEnd) {
		t.Errorf("layer 1: unpack %v, estimated %v; want 1.1 to 4.1 s, its end estimated", l.Unpack, l.Estimated)
	}
}
