package containerd

import (
	"time"

	"github.com/pulltrace/pulltrace/collector/limits"
)

// allowance limits how often something is done: so many times at once, and then at a rate.
type allowance struct {
	most  float64 // at once
	rate  float64 // a second
	left  float64
	asked time.Time
}

func (a *allowance) take(now time.Time) bool {
	if a.asked.IsZero() {
		a.left = a.most
	} else {
		a.left = min(a.most, a.left+a.rate*now.Sub(a.asked).Seconds())
	}
	a.asked = now
	if a.left < 1 {
		return false
	}
	a.left--
	return true
}

// pace keeps something to half of the time, but for what takes long: then it is done again
// after limits.EventPause.
type pace struct {
	least time.Duration // from one time to the next
	ended time.Time
	took  time.Duration
}

func (p *pace) due(now time.Time) bool {
	return now.Sub(p.ended) >= max(p.least, min(p.took, limits.EventPause))
}

func (p *pace) done(began, ended time.Time) { p.ended, p.took = ended, ended.Sub(began) }
