//go:build linux

package soak

import (
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"github.com/pulltrace/pulltrace/test/soak/judge"
)

// clockFaults set the machine's clock, and back when they end.
func (n *node) clockFaults() []fault {
	if !n.canSetClock() {
		return nil
	}
	step := func(name string, back bool) fault {
		return fault{name, 3 * time.Second, func(r *rand.Rand) func() {
			by := between(r, time.Second, 8*time.Second)
			if back {
				by = -by
			}
			done := n.during(fmt.Sprintf("%s, by %s", name, by), judge.Clock, n.watchers()...)
			n.setClock(by)
			return func() { n.setClock(-by); done() }
		}}
	}
	return []fault{step("clock set on, and back", false), step("clock set back, and on", true)}
}

func (n *node) setClock(by time.Duration) {
	n.Helper()
	if err := stepClock(by); err != nil {
		n.Fatalf("setting the clock: %v", err)
	}
}

// canSetClock tells whether the machine's clock can be set. In CI it must.
func (n *node) canSetClock() bool {
	n.Helper()
	err := stepClock(0)
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		n.Fatalf("setting the clock: %v", err)
	default:
		n.Logf("without steps of the clock, which cannot be set here: %v", err)
	}
	return err == nil
}

func stepClock(by time.Duration) error {
	now := syscall.NsecToTimeval(time.Now().Add(by).UnixNano())
	return syscall.Settimeofday(&now)
}
