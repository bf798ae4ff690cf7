package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/charmbracelet/x/term"

	"github.com/pulltrace/pulltrace/collector"
	"github.com/pulltrace/pulltrace/collector/pull"
)

// screen shows pulls while they run.
type screen interface {
	collector.Reporter
	width() int // columns
	close() error
}

// openScreen shows pulls on out: by bars that move where it is a terminal, else
// line by line. It calls interrupt when it is told to by a key.
func openScreen(out io.Writer, s *story, interrupt func()) screen {
	fmt.Fprint(out, program(s))
	if file, ok := out.(*os.File); ok && term.IsTerminal(file.Fd()) {
		return openLive(file, interrupt)
	}
	return &plain{out: out}
}

// program is what the audience reads before it begins.
func program(s *story) string {
	var b strings.Builder
	b.WriteString("This process runs a registry, and a containerd that pulls\n" +
		"a few images from it. Pulltrace watches containerd's\n" +
		"socket. Nobody tells it what is pulled, or why.\n\n")
	for _, r := range s.roles {
		fmt.Fprintf(&b, "  %-18s %s\n", r.name, r.fate)
	}
	b.WriteString("\n")
	return b.String()
}

// gallery keeps every pull that was ever reported, as it stood last.
type gallery struct{ pulls []pull.Pull }

// add takes the pulls of an update, and returns how each of them stood before:
// the zero Pull for a new one.
func (g *gallery) add(u pull.Update) (now, before []pull.Pull) {
	now = slices.Concat(u.Ended, u.Active)
	for _, p := range now {
		i := slices.IndexFunc(g.pulls, func(q pull.Pull) bool { return q.ID == p.ID })
		if i < 0 {
			i = len(g.pulls)
			g.pulls = append(g.pulls, pull.Pull{})
		}
		before = append(before, g.pulls[i])
		g.pulls[i] = p
	}
	return now, before
}
