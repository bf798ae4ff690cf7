// Package memory gives memory back to the machine while nothing is pulled.
//
// Go collects garbage when the heap has grown, and a process that is idle does not
// grow: what many pulls have left would stay for minutes. And a page of the binary that
// was needed once, as at the start, stays mapped for as long as the process runs.
package memory

import (
	"runtime/debug"
	"time"

	"github.com/pulltrace/pulltrace/collector/pull"
)

const (
	// calm is how long nothing must have been pulled: by then what ended pulls have left
	// is exported, and the tracker has forgotten it, which takes it a minute.
	calm = 90 * time.Second
	// again is when to do it once more: pods that change leave garbage as well. Go by
	// itself collects as often in a process that is idle, but gives less back.
	again = 2 * time.Minute
)

// Reporter gives memory back some time after the start and after each time in which
// there were pulls, and from then on until there are some.
type Reporter struct {
	due  time.Time // zero while something is pulled
	give func()
}

// New returns a Reporter.
func New() *Reporter { return &Reporter{give: giveBack} }

// Report takes note of an update.
func (r *Reporter) Report(u pull.Update) {
	switch {
	case len(u.Active)+len(u.Over)+len(u.Ended)+len(u.Refused) > 0:
		r.due = time.Time{}
	case r.due.IsZero():
		r.due = u.Time.Add(calm)
	case !u.Time.Before(r.due):
		r.due = u.Time.Add(again)
		go r.give() // the poll does not wait for it
	}
}

func giveBack() {
	debug.FreeOSMemory()
	unmapBinary()
}
