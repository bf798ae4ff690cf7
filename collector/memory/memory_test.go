package memory

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// Memory is given back after the start and after each time with pulls, however that
// shows, and not while there are any.
func TestMemoryIsGivenBackWhileNothingIsPulled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var given atomic.Int32
		r := New()
		r.give = func() { given.Add(1) }
		idleFor := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Second) {
				r.Report(pull.Update{Time: time.Now()})
			}
			synctest.Wait()
		}
		check := func(when string, want int32) {
			t.Helper()
			if got := given.Swap(0); got != want {
				t.Errorf("%s: given back %d times, want %d", when, got, want)
			}
		}
		idleFor(calm)
		check("just started", 0)
		idleFor(again / 2)
		check("at rest", 1)
		idleFor(10 * again)
		check("at rest for longer", 10)
		for what, u := range map[string]pull.Update{
			"a pull runs":     {Active: make([]pull.Pull, 1)},
			"one is over":     {Over: make([]pull.Pull, 1)},
			"one has ended":   {Ended: make([]pull.Pull, 1)},
			"one was refused": {Refused: make([]pull.Attempt, 1)},
		} {
			for range 20 {
				u.Time = time.Now()
				r.Report(u)
				idleFor(calm / 2)
			}
			check(what, 0)
			idleFor(again / 2)
			check(what+" no longer", 1)
		}
	})
}

// garbage is what the test has in the heap, so that it is not optimized away.
var garbage [][]byte

func TestTheHeapIsGivenBack(t *testing.T) {
	for range 64 {
		garbage = append(garbage, make([]byte, 1<<20))
	}
	for _, b := range garbage {
		clear(b)
	}
	garbage = nil
	giveBack()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if kept := m.HeapIdle - m.HeapReleased; kept > 8<<20 || m.HeapReleased < 48<<20 {
		t.Errorf("of 64 MiB of garbage %d bytes were given back, %d were kept", m.HeapReleased, kept)
	}
}
