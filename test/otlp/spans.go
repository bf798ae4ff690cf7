package otlp

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// Span is a span as it arrived.
type Span struct {
	TraceID, SpanID, ParentID string // in hex; ParentID is empty for a root

	Name          string
	Kind          tracepb.Span_SpanKind
	Start, End    time.Time
	Attributes    Attributes
	Status        tracepb.Status_StatusCode
	StatusMessage string

	Resource Attributes
	Scope    Scope
	Arrived  time.Time
}

// Spans returns the spans with this name, or all where name is empty, in order
// of arrival.
func (r *Receiver) Spans(name string) []Span {
	var out []Span
	for _, a := range r.Traces() {
		for _, rs := range a.Request.GetResourceSpans() {
			resource := attributesOf(rs.GetResource().GetAttributes())
			for _, ss := range rs.GetScopeSpans() {
				for _, s := range ss.GetSpans() {
					if name == "" || s.GetName() == name {
						out = append(out, spanOf(s, resource, scopeOf(ss), a.Time))
					}
				}
			}
		}
	}
	return out
}

func spanOf(s *tracepb.Span, resource Attributes, scope Scope, arrived time.Time) Span {
	return Span{
		TraceID:       hex.EncodeToString(s.GetTraceId()),
		SpanID:        hex.EncodeToString(s.GetSpanId()),
		ParentID:      hex.EncodeToString(s.GetParentSpanId()),
		Name:          s.GetName(),
		Kind:          s.GetKind(),
		Start:         time.Unix(0, int64(s.GetStartTimeUnixNano())),
		End:           time.Unix(0, int64(s.GetEndTimeUnixNano())),
		Attributes:    attributesOf(s.GetAttributes()),
		Status:        s.GetStatus().GetCode(),
		StatusMessage: s.GetStatus().GetMessage(),
		Resource:      resource,
		Scope:         scope,
		Arrived:       arrived,
	}
}

// Children returns the spans whose parent this one is, by their start.
func (r *Receiver) Children(parent Span) []Span {
	var out []Span
	for _, s := range r.Spans("") {
		if s.TraceID == parent.TraceID && s.ParentID == parent.SpanID {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b Span) int { return a.Start.Compare(b.Start) })
	return out
}

// Tree writes a span and all below it as text: a line each, indented by depth,
// with its offset from the root's start and its duration.
func (r *Receiver) Tree(root Span) string {
	var b strings.Builder
	var write func(s Span, depth int)
	write = func(s Span, depth int) {
		fmt.Fprintf(&b, "%-32s %+9.3fs %9.3fs\n", strings.Repeat("  ", depth)+s.Name,
			s.Start.Sub(root.Start).Seconds(), s.End.Sub(s.Start).Seconds())
		for _, child := range r.Children(s) {
			write(child, depth+1)
		}
	}
	write(root, 0)
	return b.String()
}
