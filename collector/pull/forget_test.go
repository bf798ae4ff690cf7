package pull

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/collector/limits"
)

// What a stalled pull, or one whose manifest does not come, lets the Tracker remember does
// not grow with what others have done since it began.
func TestWhatStaysPinsNothing(t *testing.T) {
	for name, test := range map[string]struct {
		stalled func(s *scene)
		layers  int // of each of the others
		bound   int // of each kind
	}{
		"a stalled layer": {func(s *scene) {
			a := s.lease("stalled", "stalled", 0, 4)
			a.open(0, 0.1, 500, 0.9)
			a.open(1, 0.1, 0, 0.1)
			a.committed(2, 0.5, true)
		}, 1, 200},
		"a layer that waits for a slot, as it seems": {func(s *scene) {
			s.lease("stalled", "stalled", 0, 1).open(0, 0.1, 0, 0.1)
		}, 3, limits.Downloads + 50},
		"no manifest": {func(s *scene) {
			a := s.lease("stalled", "stalled", 0, 1)
			a.Manifest, a.Blobs, a.Chains = nil, nil, nil
		}, 1, limits.Claims + 200},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(3)
			test.stalled(s)
			s.wait(0, waiter("pod", "stalled", "1", 0)) // so that it is not taken for abandoned
			now := 1.0
			for i := range 1500 {
				quickPull(s, fmt.Sprint("quick", i), now, test.layers)
				now += 4
			}
			k := s.tracker
			for what, n := range map[string]int{
				"downloads": len(k.past), "claims": len(k.claims), "events": len(k.journal.order), "marks": len(k.journal.events),
				"used records": len(k.used), "ended pulls": len(k.ended),
			} {
				if n > test.bound {
					t.Errorf("%d %s are remembered beside one pull that stays, want %d at the most", n, what, test.bound)
				}
			}
			if active := s.poll(now).Active; len(active) != 1 {
				t.Fatalf("%d pulls run, want the one that stays", len(active))
			}
		})
	}
}

// quickPull is a pull that is over within two seconds.
func quickPull(s *scene, image string, now float64, layers int) {
	a := s.lease(image, image, now, layers)
	for i := range layers {
		a.open(i, now+0.1, 100, now+0.3)
	}
	s.poll(now + 0.5)
	for i, d := range a.Manifest.Layers {
		a.committed(i, now+0.8, true)
		s.event(BlobCommitted, now+0.8, d.Digest)
		a.unpacked(i, now+1)
		s.event(SnapshotCommitted, now+1, a.Manifest.ChainIDs[i])
	}
	s.stored(image, "1", now+1.1)
	a.Gone = true
	s.poll(now + 1.2)
	s.poll(now + 1.8)
}

// Whatever is dropped, what is reported is the same as if all had been kept.
func TestForgettingChangesNothing(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			kept, dropped := playLong(t, seed, true), playLong(t, seed, false)
			for i := range kept {
				if !reflect.DeepEqual(kept[i], dropped[i]) {
					t.Fatalf("update %d is\n%+v\nand if nothing is dropped\n%+v", i, dropped[i], kept[i])
				}
			}
		})
	}
}

// When each download got its slot is inferred the same from what is kept: here real slots are
// given first come first served, and one of them is held by a pull that stays.
func TestSlotsAreInferredFromWhatIsKept(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 13))
			s := newScene(3)
			s.wait(0, waiter("pod", "stalled", "1", 0))
			s.lease("stalled", "stalled", 0, 1).open(0, 0.1, 500, 0.9)
			free := []float64{20, 20} // when the other slots are
			starts := make(map[string]float64)
			var waiting []*download
			for step := range 9000 {
				now := 20 + float64(step)
				if random.IntN(36) == 0 {
					image := fmt.Sprint("image", step)
					d := &download{actor: s.lease(image, image, now+0.1, 1), opened: now + 0.2}
					slices.Sort(free)
					d.start = max(d.opened, free[0])
					d.end = d.start + 20 + float64(random.IntN(800))/10
					free[0] = d.end
					starts[image] = d.start
					waiting = append(waiting, d)
				}
				for _, d := range waiting {
					d.show(s, now+0.9)
				}
				waiting = slices.DeleteFunc(waiting, func(d *download) bool { return d.Gone })
				s.poll(now + 0.95)
			}
			if len(s.ended) < 200 {
				t.Fatalf("%d pulls ended, want 200 at the least", len(s.ended))
			}
			for _, p := range s.ended {
				want := at(starts[p.ID.Lease])
				if got := p.Layers[0].Download.Start; got.Sub(want).Abs() > time.Millisecond {
					t.Errorf("%s is inferred to have had a slot at %s, want %s", p.ID.Lease, got, want)
				}
			}
			if len(s.tracker.past) > 100 {
				t.Errorf("%d downloads are kept, want 100 at the most", len(s.tracker.past))
			}
		})
	}
}

// download is a pull of one layer, which opens its ingest and waits for a slot.
type download struct {
	*actor
	opened, start, end float64
}

// show is what the runtime shows of it at a time.
func (d *download) show(s *scene, now float64) {
	switch {
	case now < d.opened:
	case now < d.start+15: // the first byte takes long
		d.open(0, d.opened, 0, d.opened)
	case now < d.end:
		d.open(0, d.opened, int64((now-d.start)*5), now)
	default:
		d.committed(0, d.end, true)
		d.unpacked(0, d.end)
		s.stored(d.ID.Lease, "1", d.end+0.01)
		d.Gone = true
	}
}

// playLong is a random history of forty minutes, in steps of 20 s.
func playLong(t *testing.T, seed uint64, keep bool) (updates []Update) {
	t.Helper()
	w := &world{rand: rand.New(rand.NewPCG(seed, 11)), checks: newChecks(t)}
	w.scene = newScene(w.rand.IntN(2) * 100) // never short of slots: the world does not know of them
	w.tracker.stallAfter = time.Hour
	w.checks.seen = func(u Update) { updates = append(updates, u) }
	for step := range 120 {
		now := float64(step) * 20
		w.step(now)
		if keep {
			w.tracker.forgot = at(now + 5)
		}
		w.look(now + 5)
	}
	return updates
}
