package export

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
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

// readers are the ways that metrics leave by.
func (c *Config) readers(ctx context.Context) ([]sdkmetric.Reader, error) {
	var readers []sdkmetric.Reader
	for _, name := range exporters("OTEL_METRICS_EXPORTER") {
		reader, err := c.reader(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("OTEL_METRICS_EXPORTER=%s: %w", name, err)
		}
		readers = append(readers, reader)
	}
	return readers, nil
}

func (c *Config) reader(ctx context.Context, name string) (sdkmetric.Reader, error) {
	var exporter sdkmetric.Exporter
	var err error
	switch name {
	case "prometheus":
		return scrape(ctx)
	case "console":
		exporter, err = stdoutmetric.New()
	default:
		exporter, err = c.otlpMetrics(ctx)
	}
	if err != nil {
		return nil, err
	}
	var options []sdkmetric.PeriodicReaderOption
	if os.Getenv("OTEL_METRIC_EXPORT_INTERVAL") == "" {
		options = append(options, sdkmetric.WithInterval(metricInterval))
	}
	return sdkmetric.NewPeriodicReader(exporter, options...), nil
}

func (c *Config) spanExporters(ctx context.Context) ([]sdktrace.SpanExporter, error) {
	var all []sdktrace.SpanExporter
	for _, name := range exporters("OTEL_TRACES_EXPORTER") {
		var exporter sdktrace.SpanExporter
		var err error
		if name == "console" {
			exporter, err = stdouttrace.New()
		} else {
			exporter, err = otlpTraces(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("OTEL_TRACES_EXPORTER=%s: %w", name, err)
		}
		all = append(all, exporter)
	}
	return all, nil
}

func (c *Config) logExporters(ctx context.Context) ([]sdklog.Exporter, error) {
	var all []sdklog.Exporter
	for _, name := range exporters("OTEL_LOGS_EXPORTER") {
		var exporter sdklog.Exporter
		var err error
		if name == "console" {
			exporter, err = stdoutlog.New()
		} else {
			exporter, err = otlpLogs(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("OTEL_LOGS_EXPORTER=%s: %w", name, err)
		}
		all = append(all, exporter)
	}
	return all, nil
}

// exporters are the names in a list of them: none by the name of none, and for
// logs where nothing is set.
func exporters(variable string) []string {
	value := os.Getenv(variable)
	switch {
	case value == "" && variable == "OTEL_LOGS_EXPORTER", value == "none":
		return nil
	case value == "":
		return []string{"otlp"}
	}
	return strings.Split(value, ",")
}

func scraped() bool {
	return slices.Contains(exporters("OTEL_METRICS_EXPORTER"), "prometheus")
}
