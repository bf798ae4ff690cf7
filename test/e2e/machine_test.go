package e2e

import (
	"sync"
	"time"
)

// machine knows how late this machine was: what runs on it, a CRI call and its
// clock among them, is then late as well, and no fault of Pulltrace's.
var machine struct {
	sync.Mutex
	lapses []lapse
}

// lapse is a time in which the machine did not run what was to be run.
type lapse struct{ from, to time.Time }

// nap is how often the machine is looked at.
const nap = 2 * time.Millisecond

// watchMachine writes down each time that a short sleep was a long one.
func watchMachine() {
	for {
		from := time.Now()
		time.Sleep(nap)
		to := time.Now()
		if to.Sub(from) < 3*nap {
			continue
		}
		machine.Lock()
		machine.lapses = append(machine.lapses, lapse{from, to})
		machine.Unlock()
	}
}

// lateAround is how long the machine did not run what was to be run, in all, in the
// moment around a time.
func lateAround(t time.Time) (late time.Duration) {
	const moment = 250 * time.Millisecond
	machine.Lock()
	defer machine.Unlock()
	for _, l := range machine.lapses {
		if l.to.After(t.Add(-moment)) && l.from.Before(t.Add(moment)) {
			late += l.to.Sub(l.from)
		}
	}
	return late
}
