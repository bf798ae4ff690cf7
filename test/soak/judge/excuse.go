package judge

import (
	"cmp"
	"slices"
	"time"
)

const (
	// atOnce is within what Pulltrace has looked at a pull of which containerd has something
	// to show, where nothing is wrong: an event wakes it, on a busy machine.
	atOnce = 150 * time.Millisecond
	// sometime is the same where there are hundreds of events, or the machine is late.
	sometime = 750 * time.Millisecond
	// poll is how long it may be from one look to the next while a pull runs.
	poll = 1500 * time.Millisecond
	// around is how much of a pull may be outside of a time in which something was wrong, for
	// what comes of it there to be late: it takes as long until all that waited is done with.
	around = time.Second
	// afterwards is by when all is known of what has ended in such a time.
	afterwards = 3 * time.Second

	// An export is tried for 10 s, each two or three seconds. Between two absences it may not
	// have been tried.
	triedFor   = 6 * time.Second
	triedAgain = 3 * time.Second
)

// Reasons for which a pull may have no span.
const (
	NothingFetched = "nothing was fetched: a lease of some milliseconds, and no event"
	NotRunning     = "it ended while Pulltrace did not run"
	EndedBoth      = "it ended with containerd, and Pulltrace ended before it could see that"
	TooShort       = "it failed before anybody could look"
	NotReceived    = "the receiver was away for longer than an export is tried for"
	NoEvents       = "no event came, and it was over between two polls"
	TooBusy        = "it failed while the machine was late with all that was to be run"
	NoLook         = "it failed while nothing could be asked"
	DiskFull       = "containerd could keep nothing of it"
	LeftOut        = "nobody could look, and its record was one of hundreds, of which some are left out"
	Mistaken       = "it went on after containerd had ended, the clock was set, or hundreds of records were written: nothing tells it from another pull"
	Hidden         = "another pull of its image, or what a killed client left of one, stood in its place while nobody could look"
)

// excuse is the reason for which nothing may have been told of a pull, empty where there
// is none.
func excuse(p *Pull, windows []Window) string {
	failed, look := !slices.Contains(p.Outcomes, Success), atOnce
	if during(windows, Flood, p.Seen, p.End) || during(windows, Busy, p.Seen, p.End) {
		look = sometime
	}
	switch {
	case p.Seen == 0:
		return NothingFetched
	case during(windows, Away, p.End, later(p.End, p.Until)):
		return NotRunning
	case during(windows, Away, p.End, known(p, windows)), endedBoth(p, windows):
		return EndedBoth
	case longest(windows, Lost, p.End, known(p, windows)+2*triedFor) > triedFor:
		return NotReceived
	case failed && p.End-p.Seen < look:
		return TooShort
	case failed && within(windows, p.Seen, p.End, Full):
		return DiskFull
	case within(windows, p.Seen, p.End, Deaf) && (p.End-p.Seen < poll || within(windows, p.Seen, p.End, Blind, Busy)):
		return NoEvents
	case failed && within(windows, p.Seen, p.End, Blind):
		return NoLook
	case failed && within(windows, p.Seen, p.End, Blind, Busy):
		return TooBusy
	case Unseen(windows, p.Seen, p.End) && during(windows, Flood, p.Seen, known(p, windows)):
		return LeftOut
	case p.Unsure:
		return Mistaken
	case p.Hidden:
		return Hidden
	}
	return ""
}

// endedBoth tells whether containerd ended while a pull ran, and Pulltrace, too, before it could
// see that. The pull is over then, though its client may go on.
func endedBoth(p *Pull, windows []Window) bool {
	return slices.ContainsFunc(windows, func(w Window) bool {
		return w.Effect == Down && w.From > p.Start && w.From < p.End && during(windows, Away, w.From, w.To+afterwards)
	})
}

// known is by when Pulltrace knows that a pull has ended: what ends while containerd is
// down or cannot be asked is known only afterwards.
func known(p *Pull, windows []Window) time.Duration {
	at := p.End
	for _, w := range windows {
		if (w.Effect == Down || w.Effect == Blind) && p.End > w.From-around && p.End < w.To+around {
			at = later(at, w.To+afterwards)
		}
	}
	return at
}

// during tells whether an effect was there at any time of a stretch.
func during(windows []Window, e Effect, from, to time.Duration) bool {
	return slices.ContainsFunc(windows, func(w Window) bool { return w.Effect == e && w.From <= to && w.To >= from })
}

// within tells whether some effect was there all the time of a stretch. What comes of one is
// late, so that one that begins a moment after another one goes on with it.
func within(windows []Window, from, to time.Duration, effects ...Effect) bool {
	met := false
	for _, w := range of(windows, effects...) {
		if w.From-around < from && w.To+around > from {
			met = met || (w.From < to && w.To > from)
			from = later(from, w.To+around)
		}
	}
	return met && to < from
}

// longest is for how long an effect was there at the most, at any time of a stretch, where
// a short time without it is none.
func longest(windows []Window, e Effect, from, to time.Duration) (most time.Duration) {
	var run Window
	for i, w := range of(windows, e) {
		if i == 0 || w.From > run.To+triedAgain {
			run.From = w.From
		}
		run.To = later(run.To, w.To)
		if run.From <= to && run.To >= from {
			most = later(most, run.To-run.From)
		}
	}
	return most
}

// of are the windows of some effects, in their order.
func of(windows []Window, effects ...Effect) (list []Window) {
	for _, w := range windows {
		if slices.Contains(effects, w.Effect) {
			list = append(list, w)
		}
	}
	slices.SortFunc(list, func(a, b Window) int { return cmp.Compare(a.From, b.From) })
	return list
}

func later(a, b time.Duration) time.Duration { return max(a, b) }
