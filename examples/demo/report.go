package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	standard "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/pulltrace/pulltrace/collector/pull"
	"github.com/pulltrace/pulltrace/semconv"
	"github.com/pulltrace/pulltrace/test/otlp"
)

// writeReport tells what arrived at the backend: a tree of spans for each pull,
// and a table of the metrics.
func writeReport(out io.Writer, backend *otlp.Receiver, width int) {
	var b strings.Builder
	pulls := backend.Spans(semconv.SpanPull)
	slices.SortFunc(pulls, func(a, b otlp.Span) int { return a.Start.Compare(b.Start) })
	fmt.Fprintf(&b, "\n%s\n", strong.Render(fmt.Sprintf("Traces: one for each of the %d pulls", len(pulls))))
	for _, root := range pulls {
		w := waterfall{backend: backend, root: root, width: width}
		b.WriteString("\n" + w.title() + "\n")
		w.write(&b, root, "", "")
	}
	fmt.Fprintf(&b, "\n%s\n\n%s\n", strong.Render("Metrics: what was exported, and its range"), metricsTable(backend, width))
	_, _ = lipgloss.Fprint(out, b.String()) // without colours where out takes none
}

// waterfall draws the spans of one pull as a tree, each with its stretch of the
// pull's time.
type waterfall struct {
	backend *otlp.Receiver
	root    otlp.Span
	width   int
}

const (
	treeWidth  = 18
	bytesWidth = len("10.0 MiB + 10.0 MiB cached")
)

// bar is how wide the pull's time is drawn.
func (w waterfall) bar() int {
	const others = 2 + treeWidth + 1 + 1 + 9 + 2 // margin, duration, what is between
	return min(max(w.width-others-bytesWidth, 10), 60)
}

func (w waterfall) title() string {
	a := w.root.Attributes
	name := fmt.Sprint(a[string(standard.ContainerImageNameKey)])
	if tags, ok := a[string(standard.ContainerImageTagsKey)].([]any); ok && len(tags) > 0 {
		name += ":" + fmt.Sprint(tags[0])
	}
	outcome := fmt.Sprint(a[string(semconv.OutcomeKey)])
	title := strong.Render(name) + "  " + w.style(w.root).Render(outcome)
	if trace := "  trace " + w.root.TraceID; lipgloss.Width(title+trace) <= w.width {
		title += faint.Render(trace)
	}
	return title
}

// style is the colour of a span: of its own failure, else of its name.
func (w waterfall) style(s otlp.Span) lipgloss.Style {
	switch {
	case s.Attributes[string(standard.ErrorTypeKey)] != nil:
		return bad
	case s.Name == semconv.SpanPull:
		return good
	default:
		return moving
	}
}

// write draws a span and those below it. The branch leads to the span itself,
// the stem goes on to its children.
func (w waterfall) write(b *strings.Builder, s otlp.Span, branch, stem string) {
	name := s.Name
	if s.Name == semconv.SpanLayer {
		name = fmt.Sprintf("layer %d", layerIndex(s))
	}
	fmt.Fprintf(b, "  %s%s %s %9s", faint.Render(branch), fit(name, treeWidth-lipgloss.Width(branch)),
		w.stretch(s), seconds(s.End.Sub(s.Start)))
	if bytes := bytesOf(s); bytes != "" {
		b.WriteString("  " + faint.Render(bytes))
	}
	b.WriteString("\n")
	children := w.backend.Children(s)
	slices.SortStableFunc(children, func(a, b otlp.Span) int { return cmp.Compare(layerIndex(a), layerIndex(b)) })
	for i, child := range children {
		if i < len(children)-1 {
			w.write(b, child, stem+"├ ", stem+"│ ")
		} else {
			w.write(b, child, stem+"└ ", stem+"  ")
		}
	}
}

// layerIndex is which layer a span is of; before all others where of none.
func layerIndex(s otlp.Span) int64 {
	if i, ok := s.Attributes[string(semconv.LayerIndexKey)].(int64); ok {
		return i
	}
	return -1
}

// stretch draws when the span was, within the pull's time.
func (w waterfall) stretch(s otlp.Span) string {
	total := max(w.root.End.Sub(w.root.Start), time.Nanosecond)
	bar := w.bar()
	at := func(t time.Time) int { return int(int64(t.Sub(w.root.Start)) * int64(bar) / int64(total)) }
	from := min(at(s.Start), bar-1)
	to := max(at(s.End), from+1)
	return faint.Render(strings.Repeat("·", from)) + w.style(s).Render(strings.Repeat("━", to-from)) +
		faint.Render(strings.Repeat("·", bar-to))
}

// bytesOf is what a span says of bytes.
func bytesOf(s otlp.Span) string {
	size := func(key string) int64 { n, _ := s.Attributes[key].(int64); return n }
	switch s.Name {
	case semconv.SpanPull:
		text := mebibytes(size(string(semconv.PullDownloadedKey)))
		if cached := size(string(semconv.PullCachedKey)); cached > 0 {
			text += " + " + mebibytes(cached) + " cached"
		}
		if s.Attributes[string(semconv.OutcomeKey)] == string(pull.Failure) {
			text += ", wasted"
		}
		return text
	case semconv.SpanLayer:
		return mebibytes(size(string(semconv.LayerDownloadedKey)))
	}
	return ""
}
