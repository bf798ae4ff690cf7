package conventions

import "slices"

// Metric is a metric as it is declared.
type Metric struct {
	Name, Instrument, Unit string
	// Attributes are those that its points may have, each with the values that it may
	// have, or nil where any will do.
	Attributes map[string][]string
}

// Metrics returns what is declared.
func (r *Registry) Metrics() (all []Metric) {
	for _, m := range r.metrics {
		attributes := make(map[string][]string, len(m.attributes))
		for key, a := range m.attributes {
			attributes[key] = slices.Clone(a.values)
		}
		all = append(all, Metric{m.Name, m.Instrument, m.Unit, attributes})
	}
	return all
}
