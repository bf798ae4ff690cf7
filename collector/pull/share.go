package pull

import "time"

// shareClock is a clock that goes the slower the more blobs a pull fetches at once: by a
// link that they share, each blob comes evenly by it, also when another one begins or ends.
type shareClock struct{ points []sharePoint }

type sharePoint struct {
	at      time.Time
	reading float64
	among   float64 // blobs that shared the link up to here
}

// keptShares bounds what is remembered of how many blobs shared the link.
const keptShares = 16

// advance lets the clock go on, while so many blobs shared the link.
func (c *shareClock) advance(since, now time.Time, among float64) {
	if len(c.points) == 0 {
		c.points = append(c.points, sharePoint{at: since, among: among})
	}
	last := len(c.points) - 1
	p := sharePoint{now, c.at(since) + now.Sub(since).Seconds()/among, among}
	switch {
	case !now.After(c.points[last].at):
	case last > 0 && c.points[last].among == among:
		c.points[last] = p
	case last == keptShares-1:
		copy(c.points, c.points[1:])
		c.points[last] = p
	default:
		c.points = append(c.points, p)
	}
}

// now is up to when the clock has gone on, zero for one that never has.
func (c *shareClock) now() time.Time {
	if len(c.points) == 0 {
		return time.Time{}
	}
	return c.points[len(c.points)-1].at
}

// at is what the clock shows at a time.
func (c *shareClock) at(at time.Time) float64 {
	if len(c.points) == 0 {
		return 0
	}
	i := len(c.points) - 1
	for i > 1 && !at.After(c.points[i-1].at) {
		i--
	}
	p := c.points[i]
	return p.reading + at.Sub(p.at).Seconds()/p.among
}

func (c *shareClock) shift(by time.Duration) {
	for i := range c.points {
		c.points[i].at = c.points[i].at.Add(by)
	}
}
