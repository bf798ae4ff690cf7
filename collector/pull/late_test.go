package pull

import "testing"

// A pull that failed before it fetched a layer, and was seen to be gone only when
// its retry had fetched it, has not fetched it.
func TestRetryBeforeTheFailureIsSeen(t *testing.T) {
	s := newScene(3)
	failed := s.lease("a", "retried", 0, 1)
	failed.Blobs[layerDigest("retried", 0)] = Blob{}
	s.poll(0.1)
	failed.committed(0, 1.05, false)
	failed.Gone = true
	retry := s.lease("b", "retried", 1, 1)
	retry.committed(0, 1.05, true)
	s.poll(1.06)
	retry.unpacked(0, 1.1)
	s.stored("retried", "1", 1.2)
	retry.Gone = true
	s.poll(1.3)
	s.poll(2)

	for i, want := range []int64{0, layerSize} {
		var got int64
		for _, l := range s.ended[i].Layers {
			got += l.Downloaded
		}
		if got != want {
			t.Errorf("pull %d fetched %d bytes of its layer, want %d", i, got, want)
		}
	}
}
