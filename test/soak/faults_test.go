//go:build linux

package soak

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"
)

// fault is something that goes wrong for a while.
type fault struct {
	name    string
	longest time.Duration
	begin   func(r *rand.Rand) (end func())
}

// lane is a part of the node of which one thing is wrong at a time.
type lane struct {
	faults []fault
	rest   time.Duration // between two of them, at most

	random *rand.Rand
	order  []fault // those that are still to come before one comes again
	due    time.Duration
	end    func() // what ends the fault that is there; nil where there is none
}

// faults are all that can go wrong, and how often it did.
type faults struct {
	lanes []*lane
	count map[string]int
}

func (n *node) newFaults() *faults {
	n.Helper()
	wanted, err := regexp.Compile(*only)
	if err != nil {
		n.Fatal(err)
	}
	f := &faults{count: map[string]int{}}
	for _, l := range []*lane{
		// Not both at once: when containerd ended is known by the clock, see docs/faults.md.
		{rest: 8 * time.Second, faults: slices.Concat(n.daemonFaults(), n.clockFaults())},
		{rest: 12 * time.Second, faults: n.restarted.endings()},
		{rest: 6 * time.Second, faults: slices.Concat(n.kept.callFaults(), n.kept.processFaults())},
		{rest: 8 * time.Second, faults: n.kept.receiverFaults()},
		{rest: 20 * time.Second, faults: []fault{n.flood()}},
	} {
		l.faults = slices.DeleteFunc(l.faults, func(f fault) bool { return !wanted.MatchString(f.name) })
		if len(l.faults) > 0 {
			f.lanes = append(f.lanes, l)
		}
	}
	return f
}

// trouble lets faults come and go until the pulls of a round are done, and ends them all.
func (n *node) trouble(number int, done <-chan struct{}) {
	n.Helper()
	for i, l := range n.fault.lanes {
		l.random = rand.New(rand.NewPCG(*seed, uint64(number)<<8|uint64(i)))
		l.due = n.now() + between(l.random, 0, l.rest)
	}
	whole := false
	defer func() {
		n.over.Store(!whole) // a fault could not be made, or not be ended
		for _, l := range n.fault.lanes {
			l.stop()
		}
		<-done
	}()
	for {
		select {
		case <-done:
			whole = true
			return
		case <-time.After(20 * time.Millisecond):
		}
		for _, l := range n.fault.lanes {
			if n.now() < l.due {
				continue
			}
			if l.end != nil {
				l.stop()
				l.due = n.now() + between(l.random, 500*time.Millisecond, l.rest)
				continue
			}
			f := l.next()
			n.fault.count[f.name]++
			l.end = f.begin(l.random)
			l.due = n.now() + between(l.random, f.longest/5, f.longest)
		}
	}
}

// next is the fault that comes next: each of a lane once, in any order, before one comes again.
func (l *lane) next() fault {
	if len(l.order) == 0 {
		l.order = slices.Clone(l.faults)
		l.random.Shuffle(len(l.order), func(i, j int) { l.order[i], l.order[j] = l.order[j], l.order[i] })
	}
	f := l.order[0]
	l.order = l.order[1:]
	return f
}

func (l *lane) stop() {
	if l.end != nil {
		l.end()
		l.end = nil
	}
}

func (f *faults) String() string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(f.count)) {
		lines = append(lines, fmt.Sprintf("%5d  %s", f.count[name], name))
	}
	return strings.Join(lines, "\n")
}
