//go:build linux

package soak

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/pulltrace"
)

var (
	pulls = flag.Int("pulls", 300, "how many pulls to make, at least")
	seed  = flag.Uint64("seed", 0, "what all choices follow from; another one each time when 0")
	only  = flag.String("faults", ".", "the faults whose names match happen, and no others")
)

const (
	perRound = 50 // pulls, after which all is judged
	workers  = 5  // pulls at once
)

// Random pulls meet random faults, and each is told once and as it was, or there is a reason
// for which it cannot be. What Pulltrace uses stays the same.
func TestSoak(t *testing.T) {
	containerd.Require(t)
	for _, version := range versions {
		if _, err := containerd.Build(t.Context(), version); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pulltrace.Build(); err != nil {
		t.Fatal(err)
	}
	if *seed == 0 {
		*seed = rand.Uint64N(1 << 32)
	}
	t.Logf("%d pulls, -seed=%d", *pulls, *seed)

	n := newNode(t)
	for left, number := *pulls, 1; left > 0 && !t.Failed(); number++ {
		left -= n.round(number, min(left, perRound))
		n.kept.measure(number)
	}
	n.summary()
	n.kept.checkFlat()
}

// round makes so many pulls or a few more while faults come and go, and judges what was told.
// It returns how many pulls there were.
func (n *node) round(number, count int) int {
	n.Helper()
	r := n.newRound(number)
	began := time.Now()
	stories := r.plan(rand.New(rand.NewPCG(*seed, uint64(number))), count)
	done := r.play(stories)
	n.trouble(number, done)
	r.judge()
	n.Logf("round %d took %s", number, time.Since(began).Round(time.Second))
	r.clear()
	return len(r.pulls)
}
