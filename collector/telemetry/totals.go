package telemetry

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/pulltrace/pulltrace/collector/pull"
	"github.com/pulltrace/pulltrace/semconv"
)

// total counts the running pulls of one registry. A registry that was seen once
// stays, with zeros: an alert can tell none from unknown.
type total struct {
	active     map[pull.Phase]int64
	stalled    int64
	set        metric.MeasurementOption
	activeSets map[pull.Phase]metric.MeasurementOption
}

func newTotal(node attribute.KeyValue, registry string) *total {
	name := semconv.RegistryKey.String(registry)
	t := &total{
		active:     make(map[pull.Phase]int64),
		set:        metric.WithAttributeSet(attribute.NewSet(node, name)),
		activeSets: make(map[pull.Phase]metric.MeasurementOption),
	}
	for _, phase := range pull.Phases {
		t.activeSets[phase] = metric.WithAttributeSet(attribute.NewSet(node, name, semconv.PhaseKey.String(string(phase))))
	}
	return t
}

// setTotals counts the running pulls of an update.
func (r *Reporter) setTotals(u pull.Update) {
	for _, t := range r.totals {
		clear(t.active)
		t.stalled = 0
	}
	for i := range u.Ended {
		r.total(&u.Ended[i])
	}
	for i := range u.Active {
		p := &u.Active[i]
		t := r.total(p)
		t.active[p.Phase]++
		if p.Stalled {
			t.stalled++
		}
	}
}

// total returns the count for a pull's registry, a new one if there is none.
func (r *Reporter) total(p *pull.Pull) *total {
	registry := r.registries.name(p.Image.Registry)
	t := r.totals[registry]
	if t == nil {
		t = newTotal(r.node, registry)
		r.totals[registry] = t
	}
	return t
}

func (t *total) observe(o metric.Observer, inst *instruments) {
	for phase, set := range t.activeSets {
		o.ObserveInt64(inst.pullActive, t.active[phase], set)
	}
	o.ObserveInt64(inst.pullStalled, t.stalled, t.set)
}
