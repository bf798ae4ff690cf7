package pull

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// TestRandomHistories plays random pulls, which share layers, fail and are
// retried, and shows them to a Tracker by polls and events that are lost, late,
// repeated and out of order. Whatever it is shown, some things must hold.
func TestRandomHistories(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := &world{rand: rand.New(rand.NewPCG(seed, 7)), checks: newChecks(t)}
			w.scene = newScene(w.rand.IntN(4))
			w.tracker.stallAfter = 2 * time.Second // some stand still for longer
			for step := range 120 {
				w.step(float64(step) / 4)
				w.pods(float64(step)/4 + 0.05)
				w.look(float64(step)/4 + 0.1)
			}
			w.tracker.Close()
			w.checks.hold(w.poll(40))
			w.checks.allTold()
		})
	}
}

// world is a runtime that does something at random at each step.
type world struct {
	*scene
	rand    *rand.Rand
	pulls   []*worldPull
	pending []Event       // that have happened and were not delivered
	past    []Observation // that were made before
	checks  *checks
}

type worldPull struct {
	*actor
	layers []int64   // offset of each; -1 queued, layerSize committed
	opened []float64 // when each ingest was opened
	done   bool
}

// step lets time pass: a pull begins, its layers move, and it ends.
func (w *world) step(now float64) {
	if len(w.pulls) < 4 && w.rand.IntN(6) == 0 {
		image := fmt.Sprint("image", w.rand.IntN(3)) // few, so that they share and are retried
		a := w.lease(fmt.Sprint("lease", now), image, now, 1+w.rand.IntN(3))
		w.pulls = append(w.pulls, &worldPull{actor: a, layers: slices.Repeat([]int64{-1}, len(a.Manifest.Layers)), opened: make([]float64, len(a.Manifest.Layers))})
	}
	for _, p := range w.pulls {
		for i, offset := range p.layers {
			if w.rand.IntN(3) != 0 || offset == layerSize {
				continue
			}
			if offset < 0 {
				p.opened[i] = now
				w.happens(SnapshotPrepared, now, p.Manifest.ChainIDs[i])
			}
			p.layers[i] = min(offset+1+w.rand.Int64N(600), layerSize)
			if p.layers[i] == layerSize {
				p.committed(i, now, w.rand.IntN(4) != 0)
				w.happens(BlobCommitted, now, p.Manifest.Layers[i].Digest)
				continue
			}
			p.open(i, p.opened[i], p.layers[i], now)
		}
		w.end(p, now)
	}
	w.pulls = slices.DeleteFunc(w.pulls, func(p *worldPull) bool { return p.done })
}

// end ends a pull, well when all has come, and badly now and then.
func (w *world) end(p *worldPull, now float64) {
	complete := !slices.ContainsFunc(p.layers, func(offset int64) bool { return offset < layerSize })
	switch {
	case complete && w.rand.IntN(2) == 0:
		for i := range p.layers {
			p.unpacked(i, now)
			w.happens(SnapshotCommitted, now, p.Manifest.ChainIDs[i])
		}
		root := p.Image.Root
		w.pending = append(w.pending, Event{Time: at(now), Namespace: "k8s.io", Kind: ImageStored, Digest: root, Image: Image{Name: p.Image.Name, Tag: "1", Root: root}})
	case w.rand.IntN(40) == 0:
		w.happens(SnapshotRemoved, now, chainID("x", 0))
	default:
		return
	}
	p.done, p.Gone = true, true
}

func (w *world) happens(kind EventKind, now float64, d digest.Digest) {
	w.pending = append(w.pending, Event{Time: at(now), Namespace: "k8s.io", Kind: kind, Digest: d})
}

// look delivers some events and an observation, or an old one, or none.
func (w *world) look(now float64) {
	w.rand.Shuffle(len(w.pending), func(i, j int) { w.pending[i], w.pending[j] = w.pending[j], w.pending[i] })
	for len(w.pending) > 0 && w.rand.IntN(4) != 0 {
		e := w.pending[0]
		w.pending = w.pending[1:]
		switch w.rand.IntN(8) {
		case 0: // lost
		case 1: // repeated
			w.tracker.Event(e)
			w.pending = append(w.pending, e)
		default:
			w.tracker.Event(e)
		}
	}
	switch w.rand.IntN(6) {
	case 0: // the poll failed
		w.checks.hold(w.tracker.Unobserved(at(now)))
	case 1: // an observation comes again
		if len(w.past) > 0 {
			w.checks.hold(w.tracker.Observe(w.past[w.rand.IntN(len(w.past))]))
		}
	default:
		w.past = append(w.past, w.observation(now))
		w.checks.hold(w.poll(now))
	}
}

// checks are what must hold in every history.
type checks struct {
	t        *testing.T
	started  map[ID]bool
	over     map[ID]bool
	attempts map[string]string // that failed, by message; what each was taken for
	ended    map[ID]bool
	progress map[ID]float64
	last     map[ID]ChangeKind
	seen     func(Update) // if not nil, gets each update that is held
}

func newChecks(t *testing.T) *checks {
	t.Helper()
	return &checks{t: t, started: map[ID]bool{}, over: map[ID]bool{}, attempts: map[string]string{}, ended: map[ID]bool{}, progress: map[ID]float64{}, last: map[ID]ChangeKind{}}
}

func (c *checks) hold(u Update) {
	c.t.Helper()
	if c.seen != nil {
		c.seen(u)
	}
	for _, p := range u.Started {
		if c.started[p.ID] {
			c.t.Errorf("%s started twice", p.ID.Lease)
		}
		c.started[p.ID] = true
	}
	for _, p := range u.Ended {
		if c.ended[p.ID] || !c.started[p.ID] {
			c.t.Errorf("%s ended; started %t, ended before %t", p.ID.Lease, c.started[p.ID], c.ended[p.ID])
		}
		c.ended[p.ID] = true
		c.check(p)
		if p.Queued > p.End.Sub(p.Start) || (p.Queued < 0 && p.Downloaded > 0) {
			c.t.Errorf("%s was queued for %s of %s, and fetched %d", p.ID.Lease, p.Queued, p.End.Sub(p.Start), p.Downloaded)
		}
		if p.Outcome == "" || p.End.Before(p.Start) {
			c.t.Errorf("%s ended %q from %s to %s", p.ID.Lease, p.Outcome, p.Start, p.End)
		}
	}
	c.reasons(u)
	c.turns(u)
	for _, p := range u.Active {
		if c.ended[p.ID] || c.over[p.ID] {
			c.t.Errorf("%s came back", p.ID.Lease)
		}
		c.check(p)
	}
}

// turns holds the changes of an update against those before: each follows on one
// that it can follow on.
func (c *checks) turns(u Update) {
	c.t.Helper()
	after := map[ChangeKind][]ChangeKind{
		Started:  {""},
		Stalled:  {Started, Resumed},
		Resumed:  {Stalled},
		Finished: {Started, Stalled, Resumed},
		Failed:   {Started, Stalled, Resumed},

		Abandoned: {Started, Stalled, Resumed},
	}
	for _, change := range u.Changes {
		id := change.Pull.ID
		if !slices.Contains(after[change.Kind], c.last[id]) {
			c.t.Errorf("%s %s after it %q", id.Lease, change.Kind, c.last[id])
		}
		c.last[id] = change.Kind
	}
	for _, p := range u.Ended {
		if kind := c.last[p.ID]; (kind == Failed) != (p.Outcome == Failure) || (kind == Abandoned) != (p.Err == ErrAbandoned) || !slices.Contains([]ChangeKind{Finished, Failed, Abandoned}, kind) {
			c.t.Errorf("%s ended with %s, and was told last as %s", p.ID.Lease, p.Outcome, kind)
		}
	}
	for _, p := range u.Active {
		if kind := c.last[p.ID]; p.Stalled != (kind == Stalled) {
			c.t.Errorf("%s is stalled: %t, and was told last as %s", p.ID.Lease, p.Stalled, kind)
		}
	}
}

// check holds what is told of one pull against itself and what was told before.
func (c *checks) check(p Pull) {
	c.t.Helper()
	if p.Downloaded < 0 || p.Cached < 0 || p.Lazy < 0 || p.Downloaded+p.Cached+p.Lazy > p.Size {
		c.t.Errorf("%s: downloaded %d, cached %d, lazy %d of %d", p.ID.Lease, p.Downloaded, p.Cached, p.Lazy, p.Size)
	}
	if ratio, ok := p.Progress(); ok {
		if ratio < c.progress[p.ID] {
			c.t.Errorf("%s: progress fell from %g to %g", p.ID.Lease, c.progress[p.ID], ratio)
		}
		c.progress[p.ID] = ratio
	}
	for _, l := range p.Layers {
		for _, s := range []Span{l.Download, l.Unpack} {
			if !s.End.IsZero() && (s.End.Before(s.Start) || s.Start.IsZero()) {
				c.t.Errorf("%s layer %d: span from %s to %s", p.ID.Lease, l.Index, s.Start, s.End)
			}
		}
	}
}
