package pull

import (
	"slices"
	"testing"
)

// A blob that the runtime takes over from another namespace is not fetched, also
// where its event comes before the reading that says so.
func TestBlobOfAnotherNamespace(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "app", 0, 1)
	d := layerDigest("app", 0)
	a.Blobs[d] = Blob{Held: true}
	s.event(SnapshotPrepared, 0.2, chainID("app", 0))
	s.event(BlobCommitted, 0.3, d)
	if got := s.poll(0.4).Active[0].Downloaded; got != 10 {
		t.Errorf("downloaded %d before it is known where the layer came from, want 10", got)
	}
	a.Blobs[d] = Blob{Held: true, Shared: true, Committed: at(0.3)}
	a.unpacked(0, 0.5)
	s.stored("app", "1", 0.6)
	a.Gone = true
	s.poll(0.7)
	s.poll(1)

	p := s.ended[0]
	if p.Outcome != Success || p.Downloaded != 10 || p.Cached != layerSize {
		t.Errorf("%s, downloaded %d, cached %d; want success, 10, %d", p.Outcome, p.Downloaded, p.Cached, layerSize)
	}
	l := p.Layers[0]
	if want := (Span{at(0.3), at(0.5)}); l.Download.Happened() || l.Unpack != want {
		t.Errorf("download %v, unpack %v; want none and %v", l.Download, l.Unpack, want)
	}
	if want := []Estimate{DownloadBytes}; !slices.Equal(l.Estimated, want) {
		t.Errorf("estimated %v, want %v", l.Estimated, want)
	}
}
