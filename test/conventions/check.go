package conventions

import (
	"fmt"
	"maps"
	"slices"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/pulltrace/pulltrace/test/otlp"
)

// Check returns what arrived and is not declared, or otherwise than declared.
// It takes note of what it saw.
func (r *Registry) Check(recv *otlp.Receiver) []string {
	c := check{registry: r, seen: map[string]bool{}, problems: map[string]bool{}}
	for _, p := range recv.Points("") {
		c.common("metric "+p.Metric, p.Resource, p.Scope)
		c.point(p)
	}
	for _, s := range recv.Spans("") {
		c.common("span "+s.Name, s.Resource, s.Scope)
		c.span(s)
	}
	for _, e := range recv.Events("") {
		c.common("event "+e.Name, e.Resource, e.Scope)
		c.event(e)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.Copy(r.seen, c.seen)
	return slices.Sorted(maps.Keys(c.problems))
}

// Unseen returns what is declared and was in nothing that was checked: of what only
// Kubernetes tells, or of all the rest.
func (r *Registry) Unseen(kubernetes bool) []string {
	declared := map[string]bool{}
	note := func(s signal) {
		if s.what != r.resource.what {
			declared[s.what] = true
		}
		for key, a := range s.attributes {
			declared[a.name(key)] = true
			for _, v := range a.values {
				declared[a.value(key, v)] = true
			}
		}
	}
	note(r.resource)
	for _, m := range r.metrics {
		note(m.signal)
	}
	for _, s := range r.spans {
		note(s.signal)
	}
	for _, e := range r.events {
		note(e)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(declared, func(what string, _ bool) bool { return r.seen[what] || ofKubernetes(what) != kubernetes })
	return slices.Sorted(maps.Keys(declared))
}

func (a attribute) name(key string) string { return a.declared + ": " + key }

// value names one value of an attribute. Those of an enum of ours are declared
// once, wherever it is used.
func (a attribute) value(key, value string) string {
	if key == "error.type" {
		return a.name(key) + "=" + value
	}
	return key + "=" + value
}

// check is one comparison of what arrived with the registry.
type check struct {
	registry       *Registry
	seen, problems map[string]bool
}

func (c *check) problem(format string, args ...any) { c.problems[fmt.Sprintf(format, args...)] = true }

// common checks what all telemetry has.
func (c *check) common(what string, resource otlp.Attributes, got otlp.Scope) {
	c.attributes(c.registry.resource, resource)
	version, _ := resource["service.version"].(string)
	want := otlp.Scope{Name: scope, Version: version, SchemaURL: c.registry.schemaURL}
	if got != want || version == "" {
		c.problem("%s: is of scope %+v, want %+v", what, got, want)
	}
}

// instruments are what the kinds of metrics are called in a registry.
var instruments = map[otlp.Kind]string{
	otlp.Gauge:         "gauge",
	otlp.Counter:       "counter",
	otlp.UpDownCounter: "updowncounter",
	otlp.Histogram:     "histogram",
}

func (c *check) point(p otlp.Point) {
	m, declared := c.registry.metrics[p.Metric]
	if !declared {
		c.problem("metric %s: is not declared", p.Metric)
		return
	}
	if got := instruments[p.Kind]; got != m.Instrument {
		c.problem("%s: is a %s, declared as %s", m.what, got, m.Instrument)
	}
	if p.Unit != m.Unit {
		c.problem("%s: has unit %q, declared as %q", m.what, p.Unit, m.Unit)
	}
	if p.Description != m.brief {
		c.problem("%s: says %q, declared as %q", m.what, p.Description, m.brief)
	}
	if len(p.Bounds) > 0 && !slices.Equal(p.Bounds, m.bounds) {
		c.problem("%s: has bounds %v, declared as %v", m.what, p.Bounds, m.bounds)
	}
	c.attributes(m.signal, p.Attributes)
}

func (c *check) span(s otlp.Span) {
	declared, ok := c.registry.spans[s.Name]
	if !ok {
		c.problem("span %s: is not declared", s.Name)
		return
	}
	if s.Kind != tracepb.Span_SPAN_KIND_INTERNAL || declared.kind != "internal" {
		c.problem("%s: is of %s, declared as %s", declared.what, s.Kind, declared.kind)
	}
	c.attributes(declared.signal, s.Attributes)
}

func (c *check) event(e otlp.Event) {
	declared, ok := c.registry.events[e.Name]
	if !ok {
		c.problem("event %q: is not declared", e.Name)
		return
	}
	if e.Body != nil || e.TraceID == "" || e.SpanID == "" {
		c.problem("%s: has body %v, trace %q and span %q, want none and those of its pull", declared.what, e.Body, e.TraceID, e.SpanID)
	}
	c.attributes(declared, e.Attributes)
}

// attributes checks those of one point, span, event or resource.
func (c *check) attributes(s signal, attrs otlp.Attributes) {
	c.seen[s.what] = true
	for key, value := range attrs {
		a, declared := s.attributes[key]
		if !declared {
			c.problem("%s: has %s, which is not declared there", s.what, key)
			continue
		}
		c.seen[a.name(key)] = true
		if got := kindOf(value); got != a.kind {
			c.problem("%s: %s is a %s, declared as %s", s.what, key, got, a.kind)
		}
		if len(a.values) == 0 {
			continue
		}
		for _, v := range listed(value) {
			c.seen[a.value(key, v)] = true
			if !slices.Contains(a.values, v) {
				c.problem("%s: %s is %q, which is not declared", s.what, key, v)
			}
		}
	}
	for key, a := range s.attributes {
		if _, there := attrs[key]; a.required && !there {
			c.problem("%s: has no %s, which is required", s.what, key)
		}
	}
}

// kindOf is the type of a value, as a registry calls it.
func kindOf(value any) string {
	switch value := value.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case int64:
		return "int"
	case float64:
		return "double"
	case []any:
		if len(value) > 0 {
			return kindOf(value[0]) + "[]"
		}
		return "string[]"
	}
	return fmt.Sprintf("%T", value)
}

// listed are the texts in a value.
func listed(value any) (texts []string) {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	for _, v := range list {
		texts = append(texts, fmt.Sprint(v))
	}
	return texts
}
