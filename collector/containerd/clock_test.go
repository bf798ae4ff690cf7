package containerd

import (
	"testing"
	"time"
)

// A clock that was set is told from a machine that was suspended.
func TestStepped(t *testing.T) {
	since := moment{time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC), time.Hour}
	after := func(wall, up time.Duration) moment { return moment{since.wall.Add(wall), since.up + up} }
	for name, test := range map[string]struct {
		since, now moment
		want       time.Duration
	}{
		"both go on":                   {since, after(time.Second, time.Second), 0},
		"the clock is set forward":     {since, after(time.Minute, time.Second), 59 * time.Second},
		"the clock is set back":        {since, after(-time.Minute, time.Second), -61 * time.Second},
		"the clock runs a bit faster":  {since, after(time.Second+5*time.Millisecond, time.Second), 0},
		"the machine was suspended":    {since, after(8*time.Hour, 8*time.Hour), 0},
		"suspended, and the clock set": {since, after(9*time.Hour, 8*time.Hour), time.Hour},
		"there is no earlier moment":   {moment{}, since, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.now.stepped(test.since); got != test.want {
				t.Errorf("stepped by %s, want %s", got, test.want)
			}
		})
	}
}

// When something was is told by the clock as it is now.
func TestMomentByAClockThatWasSet(t *testing.T) {
	then := moment{time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC), time.Hour}
	now := moment{then.wall.Add(time.Hour + 3*time.Second), then.up + 3*time.Second} // set forward by an hour
	if got, want := then.by(now), then.wall.Add(time.Hour); !got.Equal(want) {
		t.Errorf("it was at %s, want %s", got, want)
	}
}

// The clock that goes on is one: it is no less than Go's own.
func TestSinceBoot(t *testing.T) {
	began, up := time.Now(), sinceBoot()
	time.Sleep(20 * time.Millisecond)
	passed, upPassed := time.Since(began), sinceBoot()-up
	if diff := (upPassed - passed).Abs(); up <= 0 || diff > 5*time.Millisecond {
		t.Errorf("%s have passed since boot, %s by Go's clock", upPassed, passed)
	}
}
