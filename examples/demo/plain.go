package main

import (
	"fmt"
	"io"
	"time"

	"github.com/pulltrace/pulltrace/collector/pull"
)

const (
	plainWidth    = 100             // columns, where there is no terminal to ask
	progressEvery = 5 * time.Second // of one pull, while nothing else is to be told
)

// plain is a screen of lines that stay: one for each change, and now and then
// how far a pull is.
type plain struct {
	gallery
	out   io.Writer
	began time.Time
	told  map[pull.ID]time.Time
}

// Report implements collector.Reporter.
func (p *plain) Report(u pull.Update) {
	if p.told == nil {
		p.began, p.told = u.Time, make(map[pull.ID]time.Time)
	}
	now, before := p.add(u)
	for i := range now {
		id := now[i].ID
		if _, known := p.told[id]; !known {
			p.told[id] = u.Time
		}
		line := change(&before[i], &now[i])
		if line == "" && u.Time.Sub(p.told[id]) >= progressEvery {
			line = notes(&now[i])[0]
		}
		if line != "" {
			p.told[id] = u.Time
			fmt.Fprintf(p.out, "%6.1f s  %-18s %s\n", u.Time.Sub(p.began).Seconds(), shortName(&now[i]), line)
		}
	}
}

// change tells what has become of a pull; it is empty when that goes on as before.
func change(before, now *pull.Pull) string {
	switch {
	case now.Outcome != "":
		return notes(now)[0]
	case now.Stalled && !before.Stalled:
		return "stalled: nothing has moved for " + seconds(now.Idle)
	case before.Stalled && !now.Stalled:
		return "moves again"
	case now.TotalKnown && !before.TotalKnown:
		return fmt.Sprintf("%d layers, %s", len(now.Layers), mebibytes(now.Size))
	}
	return ""
}

func (p *plain) width() int { return plainWidth }

func (p *plain) close() error { return nil }
