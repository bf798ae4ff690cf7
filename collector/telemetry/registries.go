package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	standard "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/pulltrace/pulltrace/collector/limits"
	"github.com/pulltrace/pulltrace/collector/pull"
	"github.com/pulltrace/pulltrace/semconv"
)

// registry is the node's totals of one registry, with their attributes. One that
// was seen once stays, with zeros: an alert can tell none from unknown, and a
// counter's first increase from nothing.
type registry struct {
	name     string
	attrs    []attribute.KeyValue
	labels   labels
	phases   map[pull.Phase]labels
	endings  map[ending]labels
	refusals map[pull.ErrorType]labels

	active  map[pull.Phase]int64
	stalled int64
}

// ending is what histograms tell of how a pull ended.
type ending struct {
	outcome pull.Outcome
	err     pull.ErrorType
}

// registry returns the totals of a host, or those of all that are not told
// apart.
func (r *Reporter) registry(host string) *registry {
	if known := r.registries[host]; known != nil {
		return known
	}
	if host == "" || len(r.registries) >= limits.Registries {
		host = semconv.RegistryOther
		if other := r.registries[host]; other != nil {
			return other
		}
	}
	g := newRegistry(r.node, host)
	r.registries[host] = g
	for _, c := range r.instruments.byRegistry() {
		c.Add(context.Background(), 0, g.labels.add...)
	}
	return g
}

func newRegistry(node attribute.KeyValue, name string) *registry {
	attrs := []attribute.KeyValue{node, semconv.RegistryKey.String(name)}
	g := &registry{
		name:     name,
		attrs:    attrs,
		labels:   newLabels(attrs),
		phases:   make(map[pull.Phase]labels),
		endings:  make(map[ending]labels),
		refusals: make(map[pull.ErrorType]labels),
		active:   make(map[pull.Phase]int64),
	}
	for _, phase := range pull.Phases {
		g.phases[phase] = newLabels(attrs, semconv.PhaseKey.String(string(phase)))
	}
	return g
}

// ending returns the attributes of what histograms tell of an ended pull.
func (g *registry) ending(outcome pull.Outcome, err pull.ErrorType) labels {
	e := ending{outcome, err}
	l, found := g.endings[e]
	if !found {
		more := []attribute.KeyValue{semconv.OutcomeKey.String(string(outcome))}
		if err != "" {
			more = append(more, standard.ErrorTypeKey.String(string(err)))
		}
		l = newLabels(g.attrs, more...)
		g.endings[e] = l
	}
	return l
}

// refusal returns the attributes of a pull that was refused.
func (g *registry) refusal(err pull.ErrorType) labels {
	l, found := g.refusals[err]
	if !found {
		l = newLabels(g.attrs, standard.ErrorTypeKey.String(string(err)))
		g.refusals[err] = l
	}
	return l
}

// countRunning counts the running pulls of an update.
func (r *Reporter) countRunning(u pull.Update) {
	for _, g := range r.registries {
		clear(g.active)
		g.stalled = 0
	}
	for i := range u.Active {
		p := &u.Active[i]
		g := r.registry(p.Image.Registry)
		g.active[p.Phase]++
		if p.Stalled {
			g.stalled++
		}
	}
}

func (g *registry) observe(o metric.Observer, inst *instruments) {
	for phase, l := range g.phases {
		o.ObserveInt64(inst.pullActive, g.active[phase], l.observe...)
	}
	o.ObserveInt64(inst.pullStalled, g.stalled, g.labels.observe...)
}
