package pull

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Whatever the rate, it is told right from the first step on, as long as it is constant:
// so is the time left, and that it moves.
func TestConstantRate(t *testing.T) {
	for seed := range uint64(150) {
		random := rand.New(rand.NewPCG(seed, 15))
		l := &link{
			// 5 kB/s to 1 GB/s. Of less, one of four layers takes longer for its first step
			// than anybody is taken to wait.
			rate:     math.Pow(10, 3.7+5.3*random.Float64()),
			each:     random.IntN(3) == 0,
			parallel: 1 + random.IntN(4),
		}
		poll := 0.1 + 2*random.Float64()
		lasts := 20 + 100*random.Float64() // seconds, about, on a fast link
		for range 1 + random.IntN(15) {
			size := int64(l.rate * lasts * (0.1 + random.Float64()))
			l.sizes = append(l.sizes, max(size, random.Int64N(5<<20)+1))
		}
		if l.rate < 100e3 {
			poll *= 5
		}
		shared := random.IntN(2) == 0
		t.Run(fmt.Sprintf("%d: %.0f By/s, each %t, %d at once, shared %t, %v", seed, l.rate, l.each, l.parallel, shared, l.sizes), func(t *testing.T) {
			s := newScene(0)
			if shared {
				s.slots = l.parallel
			}
			a := l.pull(s, "app")
			for now := poll; l.left() > 0; now += poll {
				l.play(now)
				l.show(a, shared)
				p := s.poll(now).Active[0]
				if l.stepped() {
					l.hold(t, p, now, poll)
				}
				if t.Failed() {
					return
				}
			}
		})
	}
}

// hold holds what is told of a pull against the link that brings it. When a layer begins
// or ends is known to a poll.
func (l *link) hold(t *testing.T, p Pull, now, poll float64) {
	t.Helper()
	left := l.left()
	if left == 0 {
		return
	}
	rate := l.rate
	if l.each {
		rate *= float64(len(l.underWay()))
	}
	if off := math.Abs(p.Rate/rate - 1); off > 0.2 && l.steady(now) {
		t.Errorf("at %.1f s: rate %.0f, is %.0f (%+.0f %%)", now, p.Rate, rate, 100*(p.Rate/rate-1))
	}
	if p.Stalled {
		t.Errorf("at %.1f s: stalled, idle for %s", now, p.Idle)
	}
	if slices.Contains(p.Estimated, DownloadBytes) {
		t.Errorf("at %.1f s: taken to be fetched again", now)
	}
	remaining := left / rate
	if off := math.Abs(p.Remaining.Seconds() - remaining); off > max(0.25*remaining, poll, 1) && !l.each {
		t.Errorf("at %.1f s: remaining %s, is %.1f s", now, p.Remaining, remaining)
	}
}

// steady tells whether the rate of the whole pull has been what it is for as long as
// it takes to be seen.
func (l *link) steady(now float64) bool {
	if !l.each {
		return true
	}
	changed := 0.0
	for _, layer := range l.layers {
		changed = max(changed, layer.ended)
	}
	step := float64(1<<20) / l.rate
	return now-changed > max(5, 2*step)+step
}

func TestStallOnAFastLink(t *testing.T) {
	for _, poll := range []float64{0.1, 1, 7} {
		for _, rate := range []float64{1e6, 5e6, 100e6, 1e9} {
			t.Run(fmt.Sprintf("%.0f By/s, poll %g s", rate, poll), func(t *testing.T) {
				l := &link{rate: rate, parallel: 3, dead: 21.3}
				for range 5 {
					l.sizes = append(l.sizes, int64(20*rate))
				}
				s := newScene(3)
				a := l.pull(s, "app")
				for now := poll; now < 120; now += poll {
					l.play(now)
					l.show(a, true)
					u := s.poll(now)
					p, last := u.Active[0], 0.0
					for _, layer := range l.layers {
						last = max(last, layer.updated)
					}
					if want := at(now).Sub(at(last)) > time.Minute; p.Stalled != want {
						t.Fatalf("at %.1f s: stalled %t, last byte at %.2f s", now, p.Stalled, last)
					}
					if p.Stalled {
						if p.Rate != 0 || u.Changes[0].Kind != Stalled || !u.Changes[0].Time.Equal(at(last).Add(time.Minute)) {
							t.Errorf("rate %g, %s at %s", p.Rate, u.Changes[0].Kind, u.Changes[0].Time)
						}
						return
					}
				}
			})
		}
	}
}

// The steps of a long download cost no more than those of a short one.
func TestStepsAreBounded(t *testing.T) {
	l := &link{rate: 20 << 20, parallel: 3, sizes: []int64{1 << 40, 1 << 40, 1 << 40}}
	s := newScene(3)
	a := l.pull(s, "app")
	now := 0.0
	poll := func() {
		now++
		l.play(now)
		l.show(a, true)
		s.poll(now)
	}
	for range 100 {
		poll()
	}
	h := s.tracker.pulls[a.ID]
	starts := s.tracker.schedule()
	allocated := testing.AllocsPerRun(100, func() {
		now++
		for _, b := range h.blobs {
			b.offset, b.updated = b.offset+stepSize, at(now)
		}
		h.measure(at(now), starts)
	})
	if allocated != 0 {
		t.Errorf("%g allocations for each poll", allocated)
	}
	for _, b := range h.blobs {
		if len(b.steps) > keptSteps {
			t.Errorf("%d steps are kept", len(b.steps))
		}
	}
}

// Whenever the polls come, a stall is told at the threshold and is over with the next byte.
func TestStallThatGoesOn(t *testing.T) {
	const step = float64(stepSize) / 3e6
	for phase := range 40 {
		first := 0.05 + float64(phase)/40
		t.Run(fmt.Sprintf("polls from %.3f s on", first), func(t *testing.T) {
			s := newScene(3)
			a := s.lease("a", "app", 0, 1)
			a.Manifest.Layers[0].Size = 12 << 20
			var kinds []ChangeKind
			for now := first; now < 73; now++ {
				steps := min(math.Floor((now-0.04)/step), 3)
				last := 0.04 + steps*step
				if now > 71+step {
					steps += math.Floor((now - 71) / step)
					last = 71 + (steps-3)*step
				}
				a.open(0, 0.04, int64(steps)<<20, last)
				u := s.poll(now)
				for _, c := range u.Changes {
					kinds = append(kinds, c.Kind)
				}
				if p := u.Active[0]; p.Stalled != (now-last > 60) {
					t.Fatalf("at %.3f s: stalled %t, last byte at %.3f s", now, p.Stalled, last)
				}
			}
			if want := []ChangeKind{Started, Stalled, Resumed}; !slices.Equal(kinds, want) {
				t.Errorf("it is told as %v, want %v", kinds, want)
			}
		})
	}
}
