package scale

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulltrace/pulltrace/collector/pull"
	"github.com/pulltrace/pulltrace/collector/telemetry"
)

const (
	atOnce = 3                // pulls of a busy node
	busy   = time.Hour        // in which each node has them, up to the end of the past
	lull   = 2 * time.Hour    // without a pull, on average, before
	wave   = 10 * time.Minute // of pulls, on average, in between
)

// node is a node that is simulated: what a Pulltrace on it sees, by the time in its
// bubble.
type node struct {
	*original
	random     *rand.Rand
	images     map[string][]image
	registries []string
	hangs      bool // its pulls stand still

	busyFrom time.Time
	turn     time.Time // when the lull or wave that it is in ends
	pulling  bool
	running  []*simulated
}

// nodeName is a node's name: all are of the same length.
func nodeName(index int) string { return fmt.Sprintf("node-%04d", index) }

// span is how much time is simulated: the past, and what comes after it.
type span struct{ past, future time.Duration }

// simulate lets a node live, and returns what its Pulltrace has pushed. The time is that of
// the bubble, which begins at the same time for all.
func simulate(t *testing.T, index int, of span) *original {
	t.Helper()
	o := &original{name: nodeName(index), past: newPast()}
	synctest.Test(t, func(t *testing.T) {
		o.now = time.Now().Add(of.past)
		time.Sleep(time.Duration(index) * 470 * time.Millisecond) // not all push at once
		n := &node{
			original: o, random: rand.New(rand.NewPCG(6, uint64(index))), hangs: index == standing,
			images: images(rand.New(rand.NewPCG(6, 6))), registries: slices.Concat(registries[index%4:], registries[:index%4])[:3],
			turn: time.Now(), busyFrom: o.now.Add(-busy),
		}
		w := listen(o)
		r, shutdown := n.reporter(t)
		time.Sleep(700 * time.Millisecond) // no poll at the very instant of an export, as in real time
		for time.Now().Before(o.now.Add(of.future)) {
			r.Report(n.poll())
			if len(n.running) > 0 {
				time.Sleep(2 * time.Second)
			} else {
				time.Sleep(10 * time.Second)
			}
		}
		shutdown()
		if err := w.close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

// environment guards the variables, which are those of the whole process.
var environment sync.Mutex

// reporter is Pulltrace's own, set up as by its variables.
func (n *node) reporter(t *testing.T) (r *telemetry.Reporter, shutdown func()) {
	t.Helper()
	id := telemetry.Identity{Version: "1.0.0", Node: telemetry.Node{Name: n.name, Kubernetes: true}, Runtime: "containerd", RuntimeVersion: "2.4.2"}
	environment.Lock()
	defer environment.Unlock()
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + n.name + ":4318",
		"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
		"OTEL_TRACES_EXPORTER":        "none",
	} {
		if err := os.Setenv(name, value); err != nil { //nolint:usetesting // t.Setenv is not for parallel tests
			t.Fatal(err)
		}
	}
	sdk, err := telemetry.Setup(t.Context(), id, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if r, err = telemetry.NewReporter(sdk, id); err != nil {
		t.Fatal(err)
	}
	return r, func() {
		r.Close(context.Background())
		if err := sdk.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// poll is what Pulltrace's tracker would tell now.
func (n *node) poll() pull.Update {
	now := time.Now()
	u := pull.Update{Time: now, SourceUp: true, Pods: pull.PodWatch{On: true, Up: true}, Took: seconds(0.003 + 0.01*n.random.Float64())}
	n.running = slices.DeleteFunc(n.running, func(s *simulated) bool {
		if now.Before(s.end()) {
			return false
		}
		u.Ended = append(u.Ended, s.at(now))
		return true
	})
	began := len(n.running)
	for len(n.running) < n.want(now) {
		n.running = append(n.running, n.begin(now))
		if n.random.IntN(40) == 0 {
			u.Refused = append(u.Refused, n.refuse(now))
		}
	}
	for i, s := range n.running {
		p := s.at(now)
		u.Active = append(u.Active, p)
		if i >= began {
			u.Started = append(u.Started, p)
		}
		if p.Stalled && !s.stalled {
			s.stalled = true
			u.Changes = append(u.Changes, pull.Change{Kind: pull.Stalled, Time: now, Pull: &p})
		}
	}
	return u
}

// want is how many pulls run at a time.
func (n *node) want(now time.Time) int {
	if !now.Before(n.busyFrom) {
		return atOnce
	}
	for !now.Before(n.turn) {
		n.pulling = !n.pulling
		length := lull
		if n.pulling {
			length = wave
		}
		n.turn = n.turn.Add(seconds(length.Seconds() * (0.5 + n.random.Float64())))
	}
	if n.pulling {
		return atOnce
	}
	return 0
}

// begin is a new pull of an image that is not pulled now.
func (n *node) begin(now time.Time) *simulated {
	im := n.pick()
	s := &simulated{
		id:    pull.ID{Daemon: n.name, Namespace: "k8s.io", Lease: fmt.Sprint("lease-", len(n.pulls))},
		image: im, start: now, wait: seconds(5 * n.random.Float64()),
		pods: []pull.Waiter{n.waiter(im)},
	}
	if n.random.IntN(4) == 0 {
		s.cached = 1 + n.random.IntN(3)
	}
	if n.random.IntN(3) == 0 {
		s.held = seconds(20 * n.random.Float64())
	}
	// It takes half a minute to a quarter of an hour, whatever its size.
	s.rate = float64(s.toFetch()) / (30 + 870*n.random.Float64()*n.random.Float64())
	switch {
	case n.hangs && !now.Before(n.busyFrom.Add(busy/2)):
		s.stop, s.hangs, s.err = s.toFetch()/5, true, pull.ErrTimeout
	case n.random.IntN(25) == 0:
		s.stop, s.err = s.toFetch()/2, []pull.ErrorType{pull.ErrConnection, pull.ErrNotFound, pull.ErrOther}[n.random.IntN(3)]
	}
	n.pulls = append(n.pulls, s)
	return s
}

// pick is an image that is not pulled now.
func (n *node) pick() image {
	for {
		host := n.registries[n.random.IntN(len(n.registries))]
		im := n.images[host][n.random.IntN(imagesOfRegistry)]
		if !slices.ContainsFunc(n.running, func(s *simulated) bool { return s.image.root == im.root }) {
			return im
		}
	}
}

// waiter is a pod that waits for an image. Its name and UID have the node's name in them,
// as nothing else has.
func (n *node) waiter(im image) pull.Waiter {
	return pull.Waiter{
		Pod: pull.Pod{
			Namespace: im.name[len(im.registry)+1 : len(im.registry)+len("/team-0")],
			Name:      fmt.Sprintf("service-%s-%04d", n.name, len(n.pulls)),
			UID:       fmt.Sprintf("%08x-%s-%04x-%012x", n.random.Uint32(), n.name, n.random.Uint32()>>16, len(n.pulls)),
		},
		Container: "main", Image: pull.Reference{Name: im.name, Tag: im.tag},
	}
}

// refuse is an attempt that a registry refused.
func (n *node) refuse(now time.Time) pull.Attempt {
	why := []pull.ErrorType{pull.ErrRateLimited, pull.ErrUnauthorized, pull.ErrNotFound}
	return pull.Attempt{Waiter: n.waiter(n.pick()), Time: now, Err: why[n.random.IntN(len(why))]}
}
