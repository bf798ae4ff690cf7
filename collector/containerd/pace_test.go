package containerd

import (
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/collector/limits"
)

func TestAllowance(t *testing.T) {
	a := allowance{most: 3, rate: 2}
	now := time.Unix(1000, 0)
	count := func(seconds float64) (taken int) {
		now = now.Add(time.Duration(seconds * float64(time.Second)))
		for range 10 {
			if a.take(now) {
				taken++
			}
		}
		return taken
	}
	for i, step := range []struct {
		after float64
		want  int
	}{{0, 3}, {0, 0}, {1, 2}, {0.25, 0}, {0.25, 1}, {60, 3}} {
		if got := count(step.after); got != step.want {
			t.Errorf("step %d: %d times, want %d", i, got, step.want)
		}
	}
}

// What takes long is done more rarely.
func TestPace(t *testing.T) {
	p := pace{least: 5 * time.Millisecond}
	began := time.Unix(1000, 0)
	for _, test := range []struct{ took, pause time.Duration }{{time.Millisecond, 5 * time.Millisecond}, {50 * time.Millisecond, 50 * time.Millisecond}, {2 * time.Second, limits.EventPause}} {
		ended := began.Add(test.took)
		p.done(began, ended)
		if p.due(ended.Add(test.pause-1)) || !p.due(ended.Add(test.pause)) {
			t.Errorf("after %s it is not due %s later", test.took, test.pause)
		}
	}
}
