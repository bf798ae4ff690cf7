package pull

import "testing"

// While containerd commits a blob it shows neither its ingest nor the blob. The
// layer is still on its way, and nothing of it is taken back.
func TestCommitGap(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "app", 0, 1)
	a.open(0, 0.1, layerSize, 1)
	s.poll(1)
	a.Blobs[a.Manifest.Layers[0].Digest] = Blob{Held: true}
	p := s.poll(11).Active[0]
	if p.Downloaded != 1010 || p.Layers[0].State != LayerDownloading || p.Layers[0].Download != (Span{Start: at(0.1)}) {
		t.Errorf("downloaded %d, layer %s since %v; want 1010, downloading since 0.1 s", p.Downloaded, p.Layers[0].State, p.Layers[0].Download)
	}
	a.committed(0, 12, true)
	p = s.poll(12.5).Active[0]
	if l := p.Layers[0]; l.State != LayerDownloaded || l.Download != (Span{at(0.1), at(12)}) || p.Downloaded != 1010 {
		t.Errorf("downloaded %d, layer %s, %v; want 1010, downloaded, 0.1 to 12 s", p.Downloaded, l.State, l.Download)
	}
}
