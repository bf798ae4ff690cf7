package telemetry

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// labels is a set of attributes, made once and ready for each kind of instrument.
type labels struct {
	observe []metric.ObserveOption
	record  []metric.RecordOption
	add     []metric.AddOption
}

func newLabels(attrs []attribute.KeyValue, more ...attribute.KeyValue) labels {
	set := metric.WithAttributeSet(attribute.NewSet(slices.Concat(attrs, more)...))
	return labels{[]metric.ObserveOption{set}, []metric.RecordOption{set}, []metric.AddOption{set}}
}
