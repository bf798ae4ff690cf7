package pull

import (
	"slices"
	"testing"
)

// containerd throws a blob away as soon as it is unpacked, and no event told of it:
// a good pull that has unpacked the layer has fetched it, whether its ingest was seen
// or not.
func TestBlobThatIsThrownAway(t *testing.T) {
	for name, seen := range map[string]bool{"its ingest was seen": true, "nothing of it was seen": false} {
		t.Run(name, func(t *testing.T) {
			s := newScene(0)
			a := s.lease("a", "app", 0, 1)
			s.event(SnapshotPrepared, 0.05, chainID("app", 0))
			if seen {
				a.open(0, 0.1, 300, 0.5)
			}
			s.poll(0.6)
			a.Blobs[a.Manifest.Layers[0].Digest] = Blob{Held: seen}
			s.event(SnapshotCommitted, 1.5, chainID("app", 0))
			a.unpacked(0, 1.5)
			s.stored("app", "1", 1.6)
			a.Gone = true
			s.poll(1.7)
			s.poll(2)
			p := s.ended[0]
			l := p.Layers[0]
			if p.Downloaded != 1010 || p.Cached != 0 || l.State != LayerDone || !l.Download.End.Equal(at(1.5)) || !l.Unpack.End.Equal(at(1.5)) {
				t.Errorf("downloaded %d, cached %d, layer %s, download %v, unpack %v", p.Downloaded, p.Cached, l.State, l.Download, l.Unpack)
			}
			if !slices.Contains(l.Estimated, DownloadEnd) || !slices.Contains(l.Estimated, UnpackStart) {
				t.Errorf("estimated %v, want the end of the download and the start of the unpack in it", l.Estimated)
			}
		})
	}
}
