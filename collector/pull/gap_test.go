package pull

import (
	"slices"
	"testing"
)

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

// containerd takes the time of a commit at its begin. Where the commit itself takes
// seconds, the layer is unpacked from its end: an event tells that, or else the last
// reading without the blob.
func TestCommitThatTakesLong(t *testing.T) {
	for name, test := range map[string]struct {
		event     bool
		done      float64
		estimated []Estimate
	}{
		"told by an event": {true, 5.3, nil},
		"seen by readings": {false, 5, []Estimate{DownloadEnd, UnpackStart}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(3)
			a := s.lease("a", "app", 0, 1)
			s.event(SnapshotPrepared, 0.05, chainID("app", 0))
			a.open(0, 0.1, layerSize, 1)
			s.poll(1)
			a.Blobs[a.Manifest.Layers[0].Digest] = Blob{Held: true}
			s.poll(4)
			s.poll(5)
			a.committed(0, 1.2, true)
			if test.event {
				s.event(BlobCommitted, 5.3, layerDigest("app", 0))
			}
			a.unpacked(0, 5.5)
			l := s.poll(6).Active[0].Layers[0]
			if l.Download != (Span{at(0.1), at(test.done)}) || l.Unpack != (Span{at(test.done), at(5.5)}) || !slices.Equal(l.Estimated, test.estimated) {
				t.Errorf("download %v, unpack %v, estimated %v; want the end of one and the begin of the other at %g s, %v", l.Download, l.Unpack, l.Estimated, test.done, test.estimated)
			}
		})
	}
}
