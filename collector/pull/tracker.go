package pull

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
)

// settleTime is how long an ended pull may wait for the event that says how it
// ended: the event stream and the polls are two connections.
const settleTime = 250 * time.Millisecond

// Tracker makes pulls of observations and events. Each pull is told as ended
// exactly once. A Tracker is not safe for use by several goroutines.
type Tracker struct {
	stallAfter time.Duration
	slots      int
	downloads  downloads
	journal    journal
	pulls      map[ID]*history
	ended      map[ID]time.Time                   // told already; when last listed
	abandoned  map[ID]*history                    // of these, as they were when nobody drove them any more
	again      map[ID]int                         // how often a pull was abandoned and moved again
	doubted    map[ID]map[digest.Digest]time.Time // blobs that another one seems to have committed; since when
	claims     map[claimKey]claim
	used       map[Event]bool // image events that ended a pull
	past       []*transfer    // of ended pulls, while a running one may have waited for them
	daemon     string         // that answers
	observed   time.Time      // the last observation
	forgot     time.Time      // when what nobody can ask for was last dropped
	commits    commitEvents
	waiters    waiters
	omitted    map[Omitted]int // since the last update
}

// claimKey is a blob or a chain of one namespace. The first layer of an image has
// the same digest as both, if it is not compressed.
type claimKey struct {
	namespace string
	digest    digest.Digest
	chain     bool
}

// claim says which pull brought a blob or a chain to the node, and when it was
// committed. It may come anew after it was collected as garbage.
type claim struct {
	by        ID
	committed time.Time // zero while it is on its way
}

// NewTracker returns a Tracker that calls a pull stalled after it has not
// moved for stallAfter.
func NewTracker(stallAfter time.Duration) *Tracker {
	return &Tracker{
		stallAfter: stallAfter,
		pulls:      make(map[ID]*history),
		ended:      make(map[ID]time.Time),
		abandoned:  make(map[ID]*history),
		again:      make(map[ID]int),
		doubted:    make(map[ID]map[digest.Digest]time.Time),
		claims:     make(map[claimKey]claim),
		used:       make(map[Event]bool),
		waiters:    waiters{served: make(map[waiterKey]bool)},
		omitted:    make(map[Omitted]int),
	}
}

// Event takes note of an event. What it changes shows in the next
// [Tracker.Observe].
func (t *Tracker) Event(e Event) {
	if e.Kind == EventsLost {
		t.omit(OmittedEvents, e.Lost)
		t.commits.lost = later(t.commits.lost, e.Time)
		return
	}
	t.omit(OmittedEvents, t.journal.add(e))
}

// PodWatch tells how the orchestrator is watched.
type PodWatch struct {
	On bool // it is asked
	Up bool // it answers
}

// Update is what one look at the runtime led to.
type Update struct {
	Time     time.Time
	SourceUp bool   // the runtime answered
	Active   []Pull // now running, by start
	Started  []Pull // seen for the first time, as they stand
	Ended    []Pull // each pull is in here once, in one Update
	Over     []Pull // run no longer, and will be in Ended when it is known how, or why they failed

	Changes []Change // of these pulls, in the order in which each went through them

	Pods    PodWatch  // of the orchestrator
	Refused []Attempt // failed before anything was fetched: there was no pull

	// Settling tells that a pull is over but not told yet: another look
	// within a moment will tell it.
	Settling bool

	// Slots is how many downloads run at once over all pulls, and SlotsConfigured is
	// what the source says. It is less where it is configured wrongly.
	Slots, SlotsConfigured int

	// Omitted is what was left out since the update before, by kind.
	Omitted map[Omitted]int

	// EventsUp tells that the stream of the runtime's events is open and that none was dropped
	// since the update before, and Unread how many namespaces could not be read. The tracker
	// knows of neither: they are for who asks to fill in, as are the next two.
	EventsUp bool
	Unread   int

	// Took is how long the runtime was asked, and Err why it did not answer.
	Took time.Duration
	Err  error
}

// Observe merges an observation and returns what it led to. One that is not newer
// than the last tells nothing.
func (t *Tracker) Observe(o Observation) Update {
	for kind, n := range o.Omitted {
		t.omit(kind, n)
	}
	if o.Stepped != 0 {
		t.shift(o.Stepped, o.Time)
	}
	if !o.Time.After(t.observed) {
		return t.changed(Update{
			Time: t.observed, SourceUp: true, Active: t.active(t.observed, t.schedule()), Slots: t.slots, SlotsConfigured: o.Slots,
		})
	}
	t.meet(&o)
	o.Pulls = slices.Clone(o.Pulls) // their IDs may change
	revived := t.revive(o)
	passed := o.Time.Sub(t.observed)
	if t.observed.IsZero() {
		t.commits.since = o.Asked
	}
	t.commits.told = o.CommitEvents
	t.observed, t.slots = o.Time, t.downloads.slots(o.Slots)
	takeovers := t.takeOver(o)
	began := make(map[*history]bool)
	listed := make(map[ID]bool, len(o.Pulls))
	for _, r := range o.Pulls {
		listed[r.ID] = true
		if _, over := t.ended[r.ID]; over {
			t.ended[r.ID] = o.Time
			continue
		}
		h := t.pulls[r.ID]
		if t.doubt(h, r, o) {
			if h == nil {
				continue
			}
			r = withoutContent(r)
		}
		if h == nil {
			h = newHistory(r)
			h.revive(revived[r.ID])
			t.pulls[r.ID] = h
			began[h] = true
		}
		h.learn(r, o)
		t.omitOf(h, &r)
	}
	t.resume(takeovers)
	for i := range o.Pulls { // all that run are known by now
		r := &o.Pulls[i]
		if h := t.abandoned[r.ID]; h != nil {
			t.leaveTo(h, r)
		} else if h := t.pulls[r.ID]; h != nil && !h.left.IsZero() {
			t.leaveTo(h, r)
		}
	}
	for id, h := range t.pulls {
		if !listed[id] && h.gone.IsZero() && !o.isUnread(id.Namespace) {
			h.gone = o.Time
		}
	}

	t.attribute(o.Time)
	t.join()
	explained, refused := t.explain(o.Asked, o.Time)
	starts := t.schedule()
	t.move(o.Time, starts)

	if t.downloads.count(t.pulls, t.slots, o.Time) {
		t.slots = t.downloads.slots(o.Slots)
		t.unsettle()
		starts = t.schedule()
	}

	u := Update{Time: o.Time, SourceUp: true, Ended: explained, Refused: refused, Slots: t.slots, SlotsConfigured: o.Slots}
	u.Ended = append(u.Ended, t.abandon(o, passed, began, starts)...)
	u.Over = t.takenOver(o.Time, starts)
	for _, h := range byStart(maps.Keys(began)) {
		u.Started = append(u.Started, t.view(h, o.Time, starts))
	}
	for _, h := range byEnd(maps.Values(t.pulls)) {
		if h.gone.IsZero() {
			continue
		}
		end, settled := t.settle(h, o.Time)
		if !settled {
			u.Settling = true
			continue
		}
		p := t.finish(h, end, o.Time, starts)
		if t.awaitsReason(h, &p, o.Time) {
			t.waiters.over = append(t.waiters.over, unexplained{h, p})
			if h.left.IsZero() {
				u.Over = append(u.Over, p)
			}
			continue
		}
		u.Ended = append(u.Ended, p)
	}
	u.Active = t.active(o.Time, starts)
	t.forgetWaiters(o.Time)
	t.forget(o.Time)
	return t.changed(u)
}

// Unobserved returns the pulls as they stand when the runtime did not answer.
func (t *Tracker) Unobserved(now time.Time) Update {
	explained, _ := t.explain(time.Time{}, now)
	return t.changed(Update{Time: now, Active: t.active(now, t.schedule()), Ended: explained})
}

// active are the running pulls as they stand at a time, by start.
func (t *Tracker) active(now time.Time, starts map[*blob]time.Time) []Pull {
	var active []Pull
	for _, h := range byStart(maps.Values(t.pulls)) {
		if h.left.IsZero() {
			active = append(active, t.view(h, now, starts))
		}
	}
	return active
}

// finish tells a pull for the last time and lets go of it.
func (t *Tracker) finish(h *history, end ending, now time.Time, starts map[*blob]time.Time) Pull {
	if end.outcome == Success {
		t.takeDiscarded(h)
		if h.manifest != nil {
			h.rest.there = h.manifest.Rest.Size
		}
	}
	t.assign(h)
	p := t.view(h, end.at, starts)
	t.viewWaiters(h, &p, true)
	p.Queued = h.queued(starts, end.at)
	p.close(end)
	if p.Outcome != Success && (h.lost || h.lostBytes()) {
		p.Estimated = addEstimate(p.Estimated, DownloadBytes) // as of the last observation
	}
	if t.slots > 0 {
		t.past = append(t.past, h.transfers(end.at)...)
	}
	t.lose(h, now)
	maps.DeleteFunc(t.claims, func(_ claimKey, c claim) bool {
		return c.by == h.id && c.committed.IsZero() // given up, another pull may fetch it
	})
	return p
}

// byEnd sorts pulls such that the one that was gone first is settled first: its
// record is the older one.
func byEnd(histories iter.Seq[*history]) []*history {
	sorted := byStart(histories)
	slices.SortStableFunc(sorted, func(a, b *history) int { return a.gone.Compare(b.gone) })
	return sorted
}

func byStart(histories iter.Seq[*history]) []*history {
	return slices.SortedFunc(histories, func(a, b *history) int {
		return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.id.Lease, b.id.Lease))
	})
}
