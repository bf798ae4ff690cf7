package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	standard "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// Identity is what says whose telemetry it is.
type Identity struct {
	Version        string // of Pulltrace
	Node           Node
	Runtime        string // name of the container runtime
	RuntimeVersion string // empty while unknown
}

// Node is the machine that is watched: a Kubernetes node, or else a host.
type Node struct {
	Name       string
	Kubernetes bool
}

// attribute names the node, on the resource and on every data point: Prometheus
// keeps resource attributes apart from the series.
func (n Node) attribute() attribute.KeyValue {
	if n.Kubernetes {
		return standard.K8SNodeName(n.Name)
	}
	return standard.HostName(n.Name)
}

// instanceNamespace is the UUID that OpenTelemetry's conventions give for
// service.instance.id values that are derived from a name.
var instanceNamespace = uuid.MustParse("4d63009a-8d0f-11ee-aad7-4c796ed8e320")

const serviceName = "pulltrace"

// defaults are Pulltrace's own for OpenTelemetry's variables. The standard
// metric interval of 60 s is longer than most pulls.
var defaults = map[string]string{
	"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
	"OTEL_METRIC_EXPORT_INTERVAL": "10000",
}

// Setup builds the SDK as OpenTelemetry's own environment variables say. The
// error names what could not be set up. Call Shutdown when done.
func Setup(ctx context.Context, id Identity, log *slog.Logger) (*SDK, error) {
	for name, value := range defaults {
		if os.Getenv(name) == "" {
			if err := os.Setenv(name, value); err != nil {
				return nil, fmt.Errorf("setting %s: %w", name, err)
			}
		}
	}
	otel.SetErrorHandler(logChanges(log))
	res, err := id.resource(ctx)
	if err != nil {
		return nil, fmt.Errorf("OpenTelemetry resource: %w", err)
	}
	reader, err := autoexport.NewMetricReader(ctx)
	if err != nil {
		return nil, fmt.Errorf("exporter of metrics: %w", err)
	}
	spans, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("exporter of traces: %w", err)
	}
	return &SDK{
		Meters:  sdkmetric.NewMeterProvider(sdkmetric.WithResource(res), sdkmetric.WithReader(reader)),
		Tracers: sdktrace.NewTracerProvider(sdktrace.WithResource(res), sdktrace.WithBatcher(spans), sdktrace.WithIDGenerator(IDGenerator())),
		Scraped: scraped(),
	}, nil
}

// SDK is the part of OpenTelemetry's SDK that a [Reporter] reports to. Its
// tracer provider must use [IDGenerator].
type SDK struct {
	Meters  *sdkmetric.MeterProvider
	Tracers *sdktrace.TracerProvider
	Scraped bool // metrics are fetched by somebody, not pushed
}

// flush exports what there is.
func (s *SDK) flush(ctx context.Context) error {
	return errors.Join(s.Meters.ForceFlush(ctx), s.Tracers.ForceFlush(ctx))
}

// Shutdown exports what there is, and ends.
func (s *SDK) Shutdown(ctx context.Context) error {
	return errors.Join(s.Meters.Shutdown(ctx), s.Tracers.Shutdown(ctx))
}

func (id Identity) resource(ctx context.Context) (*resource.Resource, error) {
	attrs := []attribute.KeyValue{
		standard.ServiceName(serviceName),
		standard.ServiceVersion(id.Version),
		standard.ServiceInstanceID(uuid.NewSHA1(instanceNamespace, []byte(id.Node.Name+"/"+serviceName)).String()),
		standard.ContainerRuntimeName(id.Runtime),
		id.Node.attribute(),
	}
	if id.RuntimeVersion != "" {
		attrs = append(attrs, standard.ContainerRuntimeVersion(id.RuntimeVersion))
	}
	return resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(attrs...), resource.WithFromEnv())
}

// scraped tells whether the metrics exporter is one that waits to be asked.
func scraped() bool {
	return slices.Contains(strings.Split(os.Getenv("OTEL_METRICS_EXPORTER"), ","), "prometheus")
}

// logChanges logs an error of the SDK when it is another one than the last: a
// dead endpoint fails every few seconds with the same words.
func logChanges(log *slog.Logger) otel.ErrorHandlerFunc {
	var mu sync.Mutex
	var last string
	return func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if err.Error() != last {
			last = err.Error()
			log.Warn("export failed", "error", err)
		}
	}
}
