package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/pulltrace/pulltrace/collector/telemetry/export"
	"github.com/pulltrace/pulltrace/semconv"
)

// observeFailures tells how many exports have failed, of each signal. That none
// has is told, too: a rate needs the zero before the first.
func observeFailures(meter metric.Meter, node attribute.KeyValue, failures *export.Failures) error {
	d := semconv.ExportErrors
	errors, err := meter.Int64ObservableCounter(d.Name, metric.WithUnit(d.Unit), metric.WithDescription(d.Description))
	if err != nil {
		return err
	}
	metrics := metric.WithAttributes(node, semconv.ExportSignalMetrics)
	traces := metric.WithAttributes(node, semconv.ExportSignalTraces)
	logs := metric.WithAttributes(node, semconv.ExportSignalLogs)
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(errors, failures.Metrics.Load(), metrics)
		o.ObserveInt64(errors, failures.Traces.Load(), traces)
		o.ObserveInt64(errors, failures.Logs.Load(), logs)
		return nil
	}, errors)
	return err
}
