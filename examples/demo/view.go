package main

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// The terminal's own colours: they suit its background.
var (
	moving = lipgloss.NewStyle().Foreground(lipgloss.Cyan)
	good   = lipgloss.NewStyle().Foreground(lipgloss.Green)
	held   = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	bad    = lipgloss.NewStyle().Foreground(lipgloss.Red)
	strong = lipgloss.NewStyle().Bold(true)
	faint  = lipgloss.NewStyle().Faint(true)
)

// frame draws all pulls: a line for each, and below it a line for each layer
// while it runs, as far as the rows reach.
func frame(pulls []pull.Pull, columns, rows int) string {
	c := cellsFor(columns)
	free := rows - len(pulls) - 1
	var lines []string
	for i := range pulls {
		p := &pulls[i]
		lines = append(lines, c.pull(p))
		if p.Outcome != "" || len(p.Layers) > free {
			continue
		}
		free -= len(p.Layers)
		for j := range p.Layers {
			lines = append(lines, c.layer(p, &p.Layers[j]))
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// cells are the widths of what stands in a line besides a sign and a
// percentage: a name, a bar and a note.
type cells struct{ name, bar, note int }

func cellsFor(columns int) cells {
	const others = 1 + 1 + 1 + 2 + 1 + 4 + 2 + 1 // margin, sign, percentage, what is between
	switch left := columns - others; {
	case left >= 90:
		return cells{name: 20, bar: min(left-20-40, 40), note: 40}
	case left >= 64:
		return cells{name: 18, bar: left - 18 - 26, note: 26}
	default:
		return cells{name: 18, bar: max(left-18-17, 0), note: 17}
	}
}

func (c cells) pull(p *pull.Pull) string {
	sign, style := mark(p)
	percentage := ""
	if ratio, known := p.Progress(); known {
		percentage = fmt.Sprintf("%d%%", int(ratio*100))
	}
	return fmt.Sprintf(" %s %s  %s %4s  %s", style.Render(sign), strong.Render(fit(shortName(p), c.name)),
		bar(c.bar, p.Size, p.Cached, p.Downloaded, style), percentage, style.Render(pick(notes(p), c.note)))
}

func (c cells) layer(p *pull.Pull, l *pull.Layer) string {
	_, style := mark(p)
	name := fmt.Sprintf("  layer %d %.7s", l.Index, l.Digest.Encoded())
	cached := int64(0)
	if l.State == pull.LayerCached {
		cached = l.Size
	}
	note := string(l.State)
	if l.State == pull.LayerDownloading {
		note = part(l.Downloaded, l.Size)
	}
	return fmt.Sprintf("   %s  %s       %s", faint.Render(fit(name, c.name)),
		bar(c.bar, l.Size, cached, l.Downloaded, style.Faint(true)), faint.Render(note))
}

// mark is the sign and the colour of a pull.
func mark(p *pull.Pull) (string, lipgloss.Style) {
	switch {
	case p.Outcome == pull.Success:
		return "✓", good
	case p.Outcome != "":
		return "✗", bad
	case p.Stalled:
		return "!", held
	case p.Phase == pull.Queued, p.Phase == pull.Resolving:
		return "○", moving
	default:
		return "●", moving
	}
}

// bar draws what was there before as a double line, what was fetched as a thick
// one, to half a cell, and what is missing as a thin one.
func bar(width int, size, cached, fetched int64, style lipgloss.Style) string {
	if size == 0 {
		return faint.Render(strings.Repeat("─", width))
	}
	halves := func(n int64) int { return int(n * 2 * int64(width) / size) }
	before := halves(cached) / 2
	thick := strings.Repeat("━", halves(cached+fetched)/2-before)
	if halves(cached+fetched)%2 == 1 {
		thick += "╸"
	}
	drawn := strings.Repeat("═", before) + thick
	return style.Render(drawn) + faint.Render(strings.Repeat("─", width-lipgloss.Width(drawn)))
}

// fit makes text exactly so wide.
func fit(text string, width int) string {
	if lipgloss.Width(text) > width {
		text = string([]rune(text)[:width-1]) + "…"
	}
	return text + strings.Repeat(" ", width-lipgloss.Width(text))
}

// pick returns the first text that is not wider than width, or the last one.
func pick(texts []string, width int) string {
	for _, t := range texts {
		if lipgloss.Width(t) <= width {
			return t
		}
	}
	return fit(texts[len(texts)-1], width)
}
