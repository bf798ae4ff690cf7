package e2e

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// The machine's clock is set in the middle of a pull, on and back: the pull is told
// once, as long as it took and with the end that it had by the new clock. It is not
// told as failed or as stalled, and its start says that it is estimated.
//
// Not beside other tests: it is their clock, too.
func TestWallClockThatSteps(t *testing.T) {
	for name, by := range map[string]time.Duration{"on": 30 * time.Second, "back": -30 * time.Second} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			img := n.push("steps:1", 4<<20, 2<<20)
			n.registry.SetRate(2_000_000)
			process := n.watch("--stall-threshold=10s")
			done := n.cri.Start(t.Context(), img.Ref())
			time.Sleep(1200 * time.Millisecond)
			n.setClock(by)
			pull := <-done
			n.mustGoWell(pull)
			span := n.waitSpans(img, 1)[0]
			n.checkAttribute(span, "pulltrace.pull.outcome", "success")
			n.checkAttribute(span, "pulltrace.pull.bytes.downloaded", n.servedFor(img))
			n.checkEstimated(span, "pull.start")
			// Of the call, only how long it took does not depend on the clock.
			if off := span.End.Sub(span.Start) - pull.End.Sub(pull.Start); off.Abs() > clockLimit {
				t.Errorf("the pull is told to have taken %s longer than the call", off)
			}
			if off := span.End.Sub(pull.End.Round(0)); off.Abs() > clockLimit {
				t.Errorf("the pull is told to end %s after the call", off)
			}
			n.onlySpan(img, process)
			n.neverStalled()
		})
	}
}

// setClock sets the machine's clock, and back when the test ends.
func (n *node) setClock(by time.Duration) {
	n.Helper()
	if err := stepClock(by); err != nil {
		if os.Getenv("CI") == "true" {
			n.Fatalf("setting the clock: %v", err)
		}
		n.Skipf("the clock cannot be set here: %v", err)
	}
	n.Cleanup(func() {
		if err := stepClock(-by); err != nil {
			n.Errorf("setting the clock back: %v", err)
		}
	})
}

func stepClock(by time.Duration) error {
	now := syscall.NsecToTimeval(time.Now().Add(by).UnixNano())
	return syscall.Settimeofday(&now)
}
