package telemetry

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	standard "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/pulltrace/pulltrace/collector/telemetry/closing"
	"github.com/pulltrace/pulltrace/collector/telemetry/export"
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

// SDK is what a [Reporter] reports to.
type SDK struct {
	*export.SDK

	Closer *closing.Closer // of series that go out by OTLP; nil where none do
}

// Setup builds the SDK that a [Reporter] reports to, as OpenTelemetry's own
// environment variables say. The error names the variables that are wrong. Call
// Shutdown when done.
func Setup(ctx context.Context, id Identity, log *slog.Logger) (*SDK, error) {
	res, err := id.resource(ctx)
	if err != nil {
		return nil, fmt.Errorf("OpenTelemetry resource: %w", err)
	}
	closer := closing.New(liveMetrics...)
	sdk, err := export.New(ctx, export.Config{
		Resource: res, IDs: IDGenerator(), Log: log,
		MetricsGRPC: closer.Unary, MetricsHTTP: closer.Transport,
	})
	if err != nil {
		return nil, err
	}
	return &SDK{sdk, closer}, nil
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
