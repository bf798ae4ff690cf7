//go:build linux

package soak

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/pulltrace/pulltrace/test/registry"
)

// story is what happens to one image: a pull, or two of it.
type story struct {
	name  string // of the repository
	fate  fate
	by    way
	sizes []int64       // of layers
	takes time.Duration // how long the registry is to take for all of them
	after time.Duration // when the caller gives up
	wrong string        // what the registry does
	retry bool          // it is pulled well after that
	local bool          // ctr downloads by itself
	rest  time.Duration // before it begins
}

// fate is how the first pull of an image ends, or what comes of it.
type fate string

const (
	good      fate = "good"
	again     fate = "good, and pulled again"
	together  fate = "pulled by two at once"
	cancelled fate = "cancelled"
	broken    fate = "broken by the registry"
	refused   fate = "refused by the registry"
	killed    fate = "client killed, and pulled again"
)

// fates has each as often as it is to be.
var fates = weighted(map[fate]int{good: 36, again: 10, together: 8, cancelled: 16, broken: 16, refused: 4, killed: 10},
	good, again, together, cancelled, broken, refused, killed)

// way is who pulls.
type way string

const (
	byCRI      way = "CRI"
	byTransfer way = "the transfer service"
	byClient   way = "containerd's client"
)

var ways = weighted(map[way]int{byCRI: 6, byTransfer: 2, byClient: 2}, byCRI, byTransfer, byClient)

// failures are what a registry can do to a layer, such that its pull fails.
var failures = map[string]func(*registry.Layer) registry.Fault{
	"not found": func(*registry.Layer) registry.Fault { return registry.Status(http.StatusNotFound) },
	"an error":  func(*registry.Layer) registry.Fault { return registry.Status(http.StatusInternalServerError) },
	"a cut":     func(l *registry.Layer) registry.Fault { return registry.CutAt(l.Size / 2) },
	"corrupt":   func(*registry.Layer) registry.Fault { return registry.Corrupt() },
}

var failureNames = []string{"not found", "an error", "a cut", "corrupt"}

// weighted lists each thing, in this order, as often as its weight says.
func weighted[T comparable](weights map[T]int, order ...T) (list []T) {
	for _, thing := range order {
		for range weights[thing] {
			list = append(list, thing)
		}
	}
	return list
}

func choose[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)))
}

// plan chooses stories with so many pulls in all, or one more.
func (r *round) plan(random *rand.Rand, count int) (stories []story) {
	for count > 0 {
		s := story{
			name: fmt.Sprintf("round%d/story%d", r.number, len(stories)+1),
			fate: choose(random, fates), by: choose(random, ways), wrong: choose(random, failureNames),
			takes: between(random, 50*time.Millisecond, 2500*time.Millisecond),
			after: between(random, 30*time.Millisecond, 1500*time.Millisecond),
			retry: random.IntN(2) == 0, local: random.IntN(2) == 0,
			rest: between(random, 0, 400*time.Millisecond),
		}
		for range 1 + random.IntN(3) {
			s.sizes = append(s.sizes, 4<<10+random.Int64N(2<<20))
		}
		if s.fate == killed {
			s.sizes[0] = 3 << 20 // of which the first two come, in steps of one
		}
		if s.fate == cancelled {
			s.by = byCRI // others leave their lease, as if they were killed
		}
		stories = append(stories, s)
		count -= s.pulls()
	}
	return stories
}

// pulls is how many pulls a story has.
func (s story) pulls() int {
	if s.fate == again || s.fate == together || s.fate == killed || (s.fate == broken && s.retry) {
		return 2
	}
	return 1
}
