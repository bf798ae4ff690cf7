package pull

import "testing"

// The chain ID of a first layer that is not compressed is the digest of its blob:
// the one is fetched, the other unpacked.
func TestFirstLayerNotCompressed(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "plain", 0, 1)
	a.Manifest.ChainIDs[0] = a.Manifest.Layers[0].Digest
	a.open(0, 0.1, 500, 0.9)
	s.poll(1)
	a.committed(0, 2, true)
	s.event(SnapshotPrepared, 0.05, a.Manifest.ChainIDs[0])
	a.unpacked(0, 2.002)
	s.stored("plain", "1", 2.01)
	a.Gone = true
	s.poll(3)
	s.poll(4)
	want := Layer{State: LayerDone, Download: Span{at(0.1), at(2)}, Unpack: Span{at(2), at(2.002)}}
	if l := s.ended[0].Layers[0]; l.State != want.State || l.Download != want.Download || l.Unpack != want.Unpack {
		t.Errorf("layer: %+v, want %+v", l, want)
	}
}
