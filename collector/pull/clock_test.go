package pull

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// The wall clock is set in the middle of a pull, by an hour back or on. The pull
// does not stall by that, it ends as it did, and lasts as long as it did.
func TestWallClockSteps(t *testing.T) {
	for _, by := range []float64{-3600, -2, 2, 3600} {
		t.Run(fmt.Sprint(by), func(t *testing.T) {
			s := newScene(3)
			a := s.lease("a", "app", 0, 2)
			a.open(0, 0.1, 300, 1)
			s.event(SnapshotPrepared, 0.05, chainID("app", 0))
			s.poll(1)

			// From here on the runtime tells its times by the new clock.
			a.open(0, 0.1, 600, by+2)
			o := s.observation(by + 2)
			o.Stepped = time.Duration(by * float64(time.Second))
			p := s.tracker.Observe(o).Active[0]
			if p.Stalled || p.Idle > time.Second || p.Downloaded != 610 {
				t.Errorf("stalled %t, idle %s, downloaded %d; want false, none, 610", p.Stalled, p.Idle, p.Downloaded)
			}
			a.committed(0, by+3, true)
			a.unpacked(0, by+3.5)
			a.committed(1, by+3, true)
			a.unpacked(1, by+3.6)
			s.stored("app", "1", by+4)
			a.Gone = true
			s.poll(by + 5)
			s.poll(by + 6)
			if len(s.ended) != 1 {
				t.Fatalf("told as ended %d times, want once", len(s.ended))
			}
			p = s.ended[0]
			if p.Outcome != Success || p.End.Sub(p.Start) != 4*time.Second || !p.End.Equal(at(by+4)) {
				t.Errorf("%s after %s at %s; want success after 4 s", p.Outcome, p.End.Sub(p.Start), p.End)
			}
			if p.Downloaded != 2010 || !slices.Contains(p.Estimated, PullStart) {
				t.Errorf("downloaded %d, estimated %v; want 2010 and the start, by the new clock", p.Downloaded, p.Estimated)
			}
		})
	}
}

// The clock was set back before anybody watched: the lease was created in the future. The pull
// takes no time, rather than less.
func TestLeaseFromTheFuture(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "app", 100, 1)
	a.open(0, 0.1, 300, 1)
	s.poll(1)
	a.Gone = true
	s.poll(3)
	s.poll(4)
	if len(s.ended) != 1 || s.ended[0].End.Before(s.ended[0].Start) {
		t.Errorf("%+v ended, want one pull, and not before its start", s.ended)
	}
}
