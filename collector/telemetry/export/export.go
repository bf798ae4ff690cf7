// Package export sends telemetry where OpenTelemetry's own environment
// variables say. docs/settings.md lists them.
package export

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
)

// Config is what the variables do not say.
type Config struct {
	// Resource is whose telemetry it is. What the user says of it is in it already.
	Resource *resource.Resource
	// IDs makes the IDs of spans.
	IDs sdktrace.IDGenerator
	// Log is told when an export fails, and when exports work again.
	Log *slog.Logger
	// MetricsGRPC and MetricsHTTP see each request of metrics that leaves by OTLP,
	// by the one protocol or the other. They may be nil. A request is sent again
	// when it failed, so it must be left as it is: what is to be sent instead is a
	// copy.
	MetricsGRPC grpc.UnaryClientInterceptor
	MetricsHTTP func(http.RoundTripper) http.RoundTripper
}

// SDK is OpenTelemetry's SDK, set up. No provider is nil: one that exports
// nothing does nothing.
type SDK struct {
	Meters  *sdkmetric.MeterProvider
	Tracers *sdktrace.TracerProvider
	Loggers *sdklog.LoggerProvider
	Scraped bool // somebody fetches the metrics
}

// New sets the SDK up as the variables say. The error names the variable that
// is wrong and says what is allowed. Call Shutdown when done.
func New(ctx context.Context, c Config) (*SDK, error) {
	readers, err := c.readers(ctx)
	if err != nil {
		return nil, err
	}
	meters := []sdkmetric.Option{sdkmetric.WithResource(c.Resource)}
	for _, r := range readers {
		meters = append(meters, sdkmetric.WithReader(r))
	}
	spans, err := c.spanExporters(ctx)
	if err != nil {
		return nil, err
	}
	tracers := []sdktrace.TracerProviderOption{sdktrace.WithResource(c.Resource), sdktrace.WithIDGenerator(c.IDs)}
	for _, e := range spans {
		tracers = append(tracers, sdktrace.WithBatcher(e))
	}
	if len(spans) == 0 { // an exemplar must not lead to a trace that nobody has
		tracers = append(tracers, sdktrace.WithSampler(sdktrace.NeverSample()))
	}
	records, err := c.logExporters(ctx)
	if err != nil {
		return nil, err
	}
	loggers := []sdklog.LoggerProviderOption{sdklog.WithResource(c.Resource)}
	for _, e := range records {
		loggers = append(loggers, sdklog.WithProcessor(sdklog.NewBatchProcessor(e)))
	}
	return &SDK{
		Meters:  sdkmetric.NewMeterProvider(meters...),
		Tracers: sdktrace.NewTracerProvider(tracers...),
		Loggers: sdklog.NewLoggerProvider(loggers...),
		Scraped: scraped(),
	}, nil
}

// Flush exports what there is, of all signals at once. It returns when that is
// done, and what kept the metrics from their destination.
func (s *SDK) Flush(ctx context.Context) error {
	var others sync.WaitGroup
	others.Go(func() { _ = s.Tracers.ForceFlush(ctx) }) // they are not kept when it fails
	others.Go(func() { _ = s.Loggers.ForceFlush(ctx) })
	err := s.Meters.ForceFlush(ctx)
	others.Wait()
	return err
}

// Shutdown exports what there is, of all signals at once, and ends.
func (s *SDK) Shutdown(ctx context.Context) error {
	var metrics, traces, logs error
	var all sync.WaitGroup
	all.Go(func() { metrics = s.Meters.Shutdown(ctx) })
	all.Go(func() { traces = s.Tracers.Shutdown(ctx) })
	all.Go(func() { logs = s.Loggers.Shutdown(ctx) })
	all.Wait()
	return errors.Join(metrics, traces, logs)
}
