package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/pulltrace/pulltrace/collector"
	"github.com/pulltrace/pulltrace/collector/containerd"
	"github.com/pulltrace/pulltrace/collector/telemetry"
	"github.com/pulltrace/pulltrace/collector/telemetry/export"
)

const (
	pollInterval   = 250 * time.Millisecond // shorter than usual, for the bars
	stallThreshold = 3 * time.Second        // shorter than usual: nobody wants to wait for a minute
)

// pulltrace is the collector, wired as in cmd/pulltrace.
type pulltrace struct {
	source    *containerd.Source
	sdks      []*telemetry.SDK
	reporters []*telemetry.Reporter
	log       *slog.Logger

	cancel context.CancelFunc
	ended  chan struct{}
}

// setUpPulltrace makes a Pulltrace for the containerd at socket. It exports to
// the backend, and to where OTEL_EXPORTER_OTLP_ENDPOINT says.
func setUpPulltrace(ctx context.Context, socket, backend string, log *slog.Logger) (*pulltrace, error) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("export failed", "error", err) }))
	source, err := containerd.New(containerd.Config{Address: socket, MaxConcurrentDownloads: downloadSlots})
	if err != nil {
		return nil, err
	}
	p := &pulltrace{source: source, log: log, ended: make(chan struct{})}
	if err := p.setUpTelemetry(ctx, backend); err != nil {
		return nil, fmt.Errorf("setting up telemetry: %w", err)
	}
	return p, nil
}

// start watches until stop is called or ctx is done. What is seen goes to the
// screen as well.
func (p *pulltrace) start(ctx context.Context, screen collector.Reporter) {
	reporters := []collector.Reporter{screen}
	for _, r := range p.reporters {
		reporters = append(reporters, r)
	}
	c := collector.New(collector.Config{
		PollInterval:   pollInterval,
		IdleInterval:   10 * time.Second,
		StallThreshold: stallThreshold,
		Logger:         p.log,
	}, p.source, reporters...)
	ctx, p.cancel = context.WithCancel(ctx)
	go func() {
		defer close(p.ended)
		c.Run(ctx)
	}()
}

// setUpTelemetry makes the reporters: one to the backend that the final report
// is read from, and one to the user's own.
func (p *pulltrace) setUpTelemetry(ctx context.Context, backend string) error {
	metrics, err := otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpointURL(backend))
	if err != nil {
		return err
	}
	traces, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(backend))
	if err != nil {
		return err
	}
	p.sdks = []*telemetry.SDK{{SDK: &export.SDK{
		Meters:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metrics, sdkmetric.WithInterval(time.Second)))),
		Tracers: sdktrace.NewTracerProvider(sdktrace.WithBatcher(traces), sdktrace.WithIDGenerator(telemetry.IDGenerator())),
		Loggers: sdklog.NewLoggerProvider(),
	}}}
	id := identity(ctx, p.source)
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" {
		sdk, err := telemetry.Setup(ctx, id, p.log)
		if err != nil {
			return err
		}
		p.sdks = append(p.sdks, sdk)
	}
	for _, sdk := range p.sdks {
		r, err := telemetry.NewReporter(sdk, id)
		if err != nil {
			return err
		}
		p.reporters = append(p.reporters, r)
	}
	return nil
}

func identity(ctx context.Context, source *containerd.Source) telemetry.Identity {
	id := telemetry.Identity{Version: "demo", Runtime: "containerd"}
	id.Node.Name, _ = os.Hostname()
	id.RuntimeVersion, _ = source.Version(ctx)
	return id
}

// stop ends the collector and exports what is left.
func (p *pulltrace) stop() error {
	p.cancel()
	<-p.ended
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var errs []error
	for i, sdk := range p.sdks {
		p.reporters[i].Close(ctx)
		errs = append(errs, sdk.Shutdown(ctx))
	}
	return errors.Join(append(errs, p.source.Close())...)
}
