package pull

import (
	"testing"
	"time"
)

// What is seen to come at once has slots, whatever the configuration says.
func TestMoreDownloadsThanSlots(t *testing.T) {
	for name, test := range map[string]struct {
		slots    int
		parallel int
		rate     float64
		size     int64
		polls    int
		want     int
		start    float64 // of the fifth layer
	}{
		"as many as configured":   {3, 3, 30e6, 1 << 30, 20, 3, -1},
		"more than configured":    {3, 6, 30e6, 1 << 30, 20, 6, 0.004},
		"more, on a slow link":    {3, 6, 60e3, 1 << 30, 400, 6, 0.004},
		"fewer than configured":   {6, 3, 30e6, 1 << 30, 20, 6, 0.004},
		"more, but not for long":  {3, 6, 3e6, 3 << 20, 8, 6, 0.004},
		"slots of each pull":      {0, 6, 30e6, 1 << 30, 20, 0, 0.004},
		"as many, on a slow link": {3, 3, 60e3, 1 << 30, 400, 3, -1},
	} {
		t.Run(name, func(t *testing.T) {
			l := &link{rate: test.rate, parallel: test.parallel}
			for range 6 {
				l.sizes = append(l.sizes, test.size)
			}
			s := newScene(test.slots)
			a := l.pull(s, "app")
			var u Update
			for now := 1; now <= test.polls; now++ {
				l.play(float64(now))
				l.show(a, true)
				u = s.poll(float64(now))
			}
			if u.Slots != test.want || u.SlotsConfigured != test.slots {
				t.Errorf("%d slots, %d configured; want %d, %d", u.Slots, u.SlotsConfigured, test.want, test.slots)
			}
			want := time.Time{}
			if test.start >= 0 {
				want = at(test.start)
			}
			if start := u.Active[0].Layers[4].Download.Start; test.slots > 0 && !start.Equal(want) {
				t.Errorf("the fifth layer is downloaded from %s on, want %s", start, want)
			}
		})
	}
}

// Layers of several pulls have slots of one daemon.
func TestMoreDownloadsOfSeveralPulls(t *testing.T) {
	for name, test := range map[string]struct {
		orchestrated bool
		want         int
	}{
		"the orchestrator's": {true, 4},
		"of a client that downloads by itself, and has slots of its own": {false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(2)
			first := &link{rate: 10e6, parallel: 2, sizes: []int64{1 << 30, 1 << 30}}
			second := &link{rate: 10e6, parallel: 2, sizes: []int64{1 << 30, 1 << 30}}
			a, b := first.pull(s, "a"), second.pull(s, "b")
			b.Orchestrated = test.orchestrated
			var u Update
			for now := 1.0; now <= 10; now++ {
				first.play(now)
				second.play(now)
				first.show(a, true)
				second.show(b, true)
				u = s.poll(now)
			}
			if u.Slots != test.want {
				t.Errorf("%d slots, want %d", u.Slots, test.want)
			}
		})
	}
}

// A layer whose connection is cut may lose its slot to another one. They are not
// downloaded at once, though each has grown before the other is done.
func TestDownloadsInTurn(t *testing.T) {
	s := newScene(1)
	a := s.lease("a", "app", 0, 2)
	offsets := [2]int64{}
	for i := range 2 {
		a.Manifest.Layers[i].Size = 1 << 30
		a.open(i, 0.1, 0, 0.1)
	}
	for now := range 120 {
		i := now / 8 % 2 // whose turn it is
		offsets[i] += 1 << 20
		a.open(i, 0.1, offsets[i], float64(now)+0.5)
		if u := s.poll(float64(now) + 1); u.Slots != 1 {
			t.Fatalf("at %d s: %d slots", now+1, u.Slots)
		}
	}
}
