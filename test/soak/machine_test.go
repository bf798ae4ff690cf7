//go:build linux

package soak

import (
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/pulltrace/pulltrace/test/soak/judge"
)

const (
	// pressure is how often the kernel is asked how much the machine has to do.
	pressure = 250 * time.Millisecond
	// busy is the part of that time in which something waited for a processor, from which on
	// the machine is taken for late. That of a run on an idle machine of two cores is below.
	busy = 0.9
)

// watchMachine notes when the machine is late with what is to be run: Pulltrace is, too, then,
// and that is no fault of its own. Where the kernel does not tell, it never is.
func (n *node) watchMachine() {
	last, from := waited(), n.now()
	for n.Context().Err() == nil {
		time.Sleep(pressure)
		total, now := waited(), n.now()
		if float64(total-last) > busy*float64(now-from) {
			for _, w := range n.watchers() {
				w.note(judge.Window{Fault: "others on the machine", Effect: judge.Busy, From: from, To: now})
			}
		}
		last, from = total, now
	}
}

// waited is for how long anything has waited for a processor since the machine was started
// (Documentation/accounting/psi.rst of Linux).
func waited() time.Duration {
	text, err := os.ReadFile("/proc/pressure/cpu")
	if err != nil {
		return 0
	}
	for field := range strings.FieldsSeq(string(text)) { // of its first line
		if total, ok := strings.CutPrefix(field, "total="); ok {
			microseconds, _ := strconv.ParseInt(total, 10, 64)
			return time.Duration(microseconds) * time.Microsecond
		}
	}
	return 0
}
