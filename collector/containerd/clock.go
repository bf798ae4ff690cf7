package containerd

import "time"

// moment is one moment by two clocks.
type moment struct {
	wall time.Time     // which somebody may set
	up   time.Duration // since the machine was started, also while it was suspended
}

// now is the moment that is now. Its time has no monotonic reading: that stands still while
// the machine is suspended.
func now() moment { return moment{time.Now().Round(0), sinceBoot()} }

func (m moment) isZero() bool { return m.wall.IsZero() }

// by is when the moment was by the wall clock as it is now.
func (m moment) by(now moment) time.Time { return now.wall.Add(m.up - now.up) }

// began is when the process began.
var began = time.Now()

// stepLimit is the least by which a clock is set at once; smaller corrections
// are made by letting it run faster or slower, the other clock too.
const stepLimit = 10 * time.Millisecond

// stepped is by how much the wall clock was set since an earlier moment.
func (m moment) stepped(since moment) time.Duration {
	by := m.wall.Sub(since.wall) - (m.up - since.up)
	if since.wall.IsZero() || by.Abs() < stepLimit {
		return 0
	}
	return by
}
