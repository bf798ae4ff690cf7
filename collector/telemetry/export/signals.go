package export

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/stdout/stdoutlog"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// metricInterval is how often metrics are pushed where the user does not say:
// the standard's 60 s is longer than most pulls.
const metricInterval = 10 * time.Second

func (c *Config) meters(ctx context.Context, failures *atomic.Int64) (*sdkmetric.MeterProvider, error) {
	options := []sdkmetric.Option{sdkmetric.WithResource(c.Resource)}
	var reader []sdkmetric.PeriodicReaderOption
	if os.Getenv("OTEL_METRIC_EXPORT_INTERVAL") == "" {
		reader = append(reader, sdkmetric.WithInterval(metricInterval))
	}
	for _, name := range exporters("OTEL_METRICS_EXPORTER") {
		var exporter sdkmetric.Exporter
		var err error
		switch name {
		case "prometheus":
			scraped, err := scrape(ctx)
			if err != nil {
				return nil, err
			}
			options = append(options, sdkmetric.WithReader(scraped))
			continue
		case "console":
			exporter, err = stdoutmetric.New(stdoutmetric.WithWriter(os.Stdout))
		default:
			exporter, err = c.otlpMetrics(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("exporter of metrics to %s: %w", name, err)
		}
		watched := watchedMetrics{exporter, c.destination("metrics", name, failures)}
		options = append(options, sdkmetric.WithReader(sdkmetric.NewPeriodicReader(watched, reader...)))
	}
	return sdkmetric.NewMeterProvider(options...), nil
}

func (c *Config) tracers(ctx context.Context, failures *atomic.Int64) (*sdktrace.TracerProvider, error) {
	options := []sdktrace.TracerProviderOption{sdktrace.WithResource(c.Resource), sdktrace.WithIDGenerator(c.IDs)}
	names := exporters("OTEL_TRACES_EXPORTER")
	if len(names) == 0 { // an exemplar must not lead to a trace that nobody has
		options = append(options, sdktrace.WithSampler(sdktrace.NeverSample()))
	}
	for _, name := range names {
		var exporter sdktrace.SpanExporter
		var err error
		if name == "console" {
			exporter, err = stdouttrace.New(stdouttrace.WithWriter(os.Stdout))
		} else {
			exporter, err = otlpTraces(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("exporter of traces to %s: %w", name, err)
		}
		options = append(options, sdktrace.WithBatcher(watchedTraces{exporter, c.destination("traces", name, failures)}))
	}
	return sdktrace.NewTracerProvider(options...), nil
}

func (c *Config) loggers(ctx context.Context, failures *atomic.Int64) (*sdklog.LoggerProvider, error) {
	options := []sdklog.LoggerProviderOption{sdklog.WithResource(c.Resource)}
	for _, name := range exporters("OTEL_LOGS_EXPORTER") {
		var exporter sdklog.Exporter
		var err error
		if name == "console" {
			exporter, err = stdoutlog.New(stdoutlog.WithWriter(os.Stdout))
		} else {
			exporter, err = otlpLogs(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("exporter of logs to %s: %w", name, err)
		}
		watched := watchedLogs{exporter, c.destination("logs", name, failures)}
		options = append(options, sdklog.WithProcessor(sdklog.NewBatchProcessor(watched)))
	}
	return sdklog.NewLoggerProvider(options...), nil
}

func (c *Config) destination(signal, exporter string, failures *atomic.Int64) *destination {
	d := &destination{log: c.Log.With("signal", signal, "exporter", exporter), failures: failures}
	if exporter == "otlp" { // by HTTP, the package bounds each try and not their sum
		d.timeout = otlp{strings.ToUpper(signal)}.timeout()
	}
	return d
}

// exporters are the names that a variable lists: none by the word none, and of
// logs where nothing is set.
func exporters(variable string) []string {
	value := os.Getenv(variable)
	switch {
	case value == "none", value == "" && variable == "OTEL_LOGS_EXPORTER":
		return nil
	case value == "":
		return []string{"otlp"}
	}
	return strings.Split(value, ",")
}

func scraped() bool {
	return slices.Contains(exporters("OTEL_METRICS_EXPORTER"), "prometheus")
}
