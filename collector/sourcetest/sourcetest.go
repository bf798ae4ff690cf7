// Package sourcetest holds a Source against what the tracker relies on. Every
// runtime's source passes it, run against the real runtime:
//
//	func TestSource(t *testing.T) { sourcetest.Run(t, newRuntime) }
package sourcetest

import (
	"context"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector"
	"github.com/pulltrace/pulltrace/collector/pull"
)

// Runtime is a real container runtime with a registry, of one test.
type Runtime interface {
	// Source returns a new source that watches the runtime. It is closed when
	// the test ends.
	Source(t *testing.T) collector.Source

	// Push puts an image with new layers of these sizes into the registry.
	Push(t *testing.T, sizes ...int64) Image

	// SetRate shapes what the registry serves, in bytes a second.
	SetRate(bytesPerSecond int)

	// Pull pulls an image and returns when the runtime is done with it.
	Pull(ctx context.Context, i Image) error

	// Stop ends the runtime, and Start starts it again on what it left.
	Stop()
	Start()
}

// Image is an image in the registry, as the registry knows it.
type Image struct {
	Ref      string
	Root     digest.Digest
	Manifest pull.Manifest // without chain IDs
}

// Run runs the suite, each test with a runtime of its own.
func Run(t *testing.T, newRuntime func(t *testing.T) Runtime) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Runtime){
		"AnIdleRuntimeHasNoPulls":        idle,
		"APullIsReadFromBeginToEnd":      wholePull,
		"TwoSourcesTellOnePullAlike":     sameIdentity,
		"EventsTellThePull":              events,
		"ItComesBackWithTheRuntime":      comesBack,
		"ItEndsWithItsContext":           endsWithContext,
		"ACancelledPullLeavesNoRecord":   cancelled,
		"ARuntimeThatIsNotThereIsNoHang": notThere,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newRuntime(t))
		})
	}
}

const (
	slowRate = 1 << 20 // bytes a second
	lookGap  = 100 * time.Millisecond
	limit    = 20 * time.Second // for what must come, at the longest
)

// slow pushes an image that takes some 3 s to pull.
func slow(t *testing.T, r Runtime) Image {
	t.Helper()
	r.SetRate(slowRate)
	return r.Push(t, 2<<20, 1<<20)
}

// observe asks the source once; it must answer.
func observe(t *testing.T, s collector.Source) pull.Observation {
	t.Helper()
	asked := time.Now().Round(0)
	o, err := s.Observe(t.Context())
	if err != nil {
		t.Fatalf("Observe: %v", err)
	}
	if age := time.Since(o.Time); age < 0 || age > limit {
		t.Fatalf("an observation is of %s, %s ago", o.Time, age)
	}
	if o.Asked.Before(asked) || o.Asked.After(o.Time) {
		t.Fatalf("an observation was asked for at %s, begun at %s and complete at %s", asked, o.Asked, o.Time)
	}
	return o
}

// of returns the reading of an image's pull in an observation, if there is one.
func of(t *testing.T, o pull.Observation, i Image) (reading pull.Reading, found bool) {
	t.Helper()
	for _, r := range o.Pulls {
		if r.Image.Root == i.Root {
			if found {
				t.Fatalf("two readings of the one pull of %s", i.Ref)
			}
			reading, found = r, true
		}
	}
	return reading, found
}

// follow observes until the pull is gone and hands each reading to see. After
// the last one nothing more may be told of it.
func follow(t *testing.T, s collector.Source, i Image, see func(pull.Reading)) {
	t.Helper()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(lookGap) {
		r, found := of(t, observe(t, s), i)
		if !found {
			continue
		}
		see(r)
		if r.Gone {
			if _, again := of(t, observe(t, s), i); again {
				t.Errorf("the pull of %s is read again after it was gone", i.Ref)
			}
			return
		}
	}
	t.Fatalf("the pull of %s was not read as gone within %s", i.Ref, limit)
}

// background pulls an image and checks that it goes well before the test ends.
func background(t *testing.T, r Runtime, i Image) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- r.Pull(t.Context(), i) }()
	t.Cleanup(func() {
		if err := <-done; err != nil && !t.Failed() {
			t.Errorf("pulling %s: %v", i.Ref, err)
		}
	})
}
