// Package export sends telemetry where OpenTelemetry's own environment
// variables say. docs/settings.md tells them.
package export

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"

	"go.opentelemetry.io/otel"
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
	// Log is told when exports fail, and when they work again.
	Log *slog.Logger
	// MetricsGRPC and MetricsHTTP see each request of metrics that leaves by OTLP,
	// by the one protocol or the other. They may be nil. A request is sent again
	// when it failed, so it must be left as it is: what is to be sent instead is a
	// copy.
	MetricsGRPC grpc.UnaryClientInterceptor
	MetricsHTTP func(http.RoundTripper) http.RoundTripper
}

// SDK is OpenTelemetry's SDK, set up. No provider is nil: one that is to export
// nothing does nothing.
type SDK struct {
	Meters   *sdkmetric.MeterProvider
	Tracers  *sdktrace.TracerProvider
	Loggers  *sdklog.LoggerProvider
	Scraped  bool // somebody fetches the metrics
	Failures Failures
}

// New sets the SDK up as the variables say, and its error handler for the whole
// process. The error names the variables that are wrong and says what is
// allowed. Call Shutdown when done.
func New(ctx context.Context, c Config) (*SDK, error) {
	if err := Check(); err != nil {
		return nil, err
	}
	otel.SetErrorHandler(errorHandler(c.Log))
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return c.disabled(), nil
	}
	if name := os.Getenv(configFile); name != "" {
		sdk, err := c.fromFile(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", configFile, err)
		}
		return sdk, nil
	}
	return c.fromVariables(ctx)
}

func (c *Config) fromVariables(ctx context.Context) (*SDK, error) {
	sdk := &SDK{Scraped: scraped()}
	var err error
	if sdk.Meters, err = c.meters(ctx, &sdk.Failures.Metrics); err != nil {
		return nil, err
	}
	if sdk.Tracers, err = c.tracers(ctx, &sdk.Failures.Traces); err == nil {
		sdk.Loggers, err = c.loggers(ctx, &sdk.Failures.Logs)
	}
	return sdk, err
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
