package pull

import (
	"slices"
	"testing"
)

// A failed pull whose first layer was there, as a snapshot without its blob, has lost
// no bytes: all that it fetched was seen. If its second layer was collected as
// garbage before the last look, it may have.
func TestBytesOfAFailedPull(t *testing.T) {
	for collected, estimated := range map[bool]bool{false: false, true: true} {
		s := newScene(3)
		a := s.lease("a", "base", 0, 2)
		a.Chains[chainID("base", 0)] = Snapshot{Held: true, Created: at(-100)}
		a.open(1, 0.1, 500, 0.9)
		s.poll(1)
		a.Gone = true
		if collected {
			a.Blobs[layerDigest("base", 1)] = Blob{}
		}
		s.poll(1.5)
		s.poll(2)
		if len(s.ended) != 1 || s.ended[0].Outcome != Failure || s.ended[0].Layers[1].Downloaded != 500 {
			t.Fatalf("ended: %+v, want one failure with 500 bytes of its second layer", s.ended)
		}
		if got := slices.Contains(s.ended[0].Estimated, DownloadBytes); got != estimated {
			t.Errorf("ingest collected %v: bytes estimated %v", collected, got)
		}
	}
}
