package pull

import (
	"slices"
	"testing"
)

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
	s.poll(2.1) // the first one is settled

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

// A pull that waits for the layers of another one is given up, and by the next poll
// the other one has fetched them all: it is not told as complete, neither while it may
// still have gone well nor as failed.
func TestFailedPullIsNeverComplete(t *testing.T) {
	s := newScene(0)
	a, b := s.lease("a", "app", 0, 1), s.lease("b", "app", 0.2, 1)
	a.open(0, 0.1, 300, 1)
	b.watch(0.1, 300, 1)
	s.poll(1)
	a.committed(0, 1.8, true)
	b.committed(0, 1.8, false)
	b.Gone = true
	list := slices.Concat(s.poll(2).Active, s.poll(2.5).Ended)
	for _, p := range list {
		if ratio, _ := p.Progress(); p.ID.Lease == "b" && ratio >= 1 {
			t.Errorf("the pull that was given up is told with progress %g, outcome %q", ratio, p.Outcome)
		}
	}
	if len(s.ended) != 1 || s.ended[0].Outcome != Failure {
		t.Errorf("ended: %+v, want one failure", s.ended)
	}
}
