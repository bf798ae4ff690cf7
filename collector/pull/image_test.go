package pull

import (
	"slices"
	"testing"
)

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

// A further platform that the pull turns out to bring adds its layers, which are
// not unpacked.
func TestFurtherPlatform(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "many", 0, 1)
	a.open(0, 0.1, 500, 0.9)
	s.poll(1)
	further := *a.Manifest
	further.Configs = []Descriptor{{Digest: "sha256:config", Size: 20}}
	further.Layers = append(slices.Clone(further.Layers), Descriptor{Digest: layerDigest("many", 1), Size: layerSize})
	a.Manifest = &further
	a.Blobs["sha256:config"] = Blob{Held: true, Committed: at(0.1)}
	a.open(1, 0.1, 300, 1.9)
	if p := s.poll(2).Active[0]; p.Size != 2030 || p.Downloaded != 830 {
		t.Errorf("size %d, downloaded %d; want 2030, 830", p.Size, p.Downloaded)
	}
	a.committed(0, 3, true)
	a.committed(1, 3, true)
	a.unpacked(0, 3.1)
	s.stored("many", "1", 3.2)
	a.Gone = true
	s.poll(4)
	s.poll(5)
	p := s.ended[0]
	if p.Downloaded != 2030 || p.Cached != 0 || len(p.Layers) != 2 || !p.Layers[0].Unpack.Happened() || p.Layers[1].Unpack.Happened() {
		t.Errorf("downloaded %d, cached %d, layers %+v; want all of both and the first one unpacked", p.Downloaded, p.Cached, p.Layers)
	}
}
