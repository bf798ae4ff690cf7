package conventions_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	collogspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/pulltrace/pulltrace/test/conventions"
	"github.com/pulltrace/pulltrace/test/otlp"
)

const schemaURL = "https://github.com/pulltrace/pulltrace/semconv/0.1.0"

var (
	node       = attribute.String("host.name", "here")
	registryOf = attribute.String("pulltrace.registry", "docker.io")
	phase      = attribute.String("pulltrace.pull.phase", "queued")
)

// emission is one point of pulltrace.pull.active, as it is declared but for what a
// test changes.
type emission struct {
	name, unit, description, schemaURL string
	attributes                         []attribute.KeyValue
	resource                           []attribute.KeyValue
	counter                            bool
}

func declaredEmission() emission {
	return emission{
		name: "pulltrace.pull.active", unit: "{pull}", description: "Pulls now running.", schemaURL: schemaURL,
		attributes: []attribute.KeyValue{node, registryOf, phase},
		resource: []attribute.KeyValue{
			node, attribute.String("service.name", "pulltrace"), attribute.String("service.version", "1"),
			attribute.String("service.instance.id", "1"), attribute.String("container.runtime.name", "containerd"),
			attribute.String("telemetry.sdk.name", "opentelemetry"), attribute.String("telemetry.sdk.language", "go"),
			attribute.String("telemetry.sdk.version", "1"),
		},
	}
}

func TestWhatIsOtherwiseThanDeclared(t *testing.T) {
	registry, err := conventions.Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*emission)
		want   string // in the one problem; none if empty
	}{
		"nothing":              {func(*emission) {}, ""},
		"its name":             {func(e *emission) { e.name = "pulltrace.pull.busy" }, "metric pulltrace.pull.busy: is not declared"},
		"its unit":             {func(e *emission) { e.unit = "1" }, `has unit "1"`},
		"its description":      {func(e *emission) { e.description = "Pulls." }, `says "Pulls."`},
		"its kind":             {func(e *emission) { e.counter = true }, "is a counter"},
		"its schema":           {func(e *emission) { e.schemaURL = "" }, "is of scope"},
		"one attribute more":   {func(e *emission) { e.attributes = append(e.attributes, attribute.Bool("new", true)) }, "has new, which is not declared"},
		"one attribute less":   {func(e *emission) { e.attributes = e.attributes[:2] }, "has no pulltrace.pull.phase"},
		"the value of an enum": {func(e *emission) { e.attributes[2] = attribute.String("pulltrace.pull.phase", "idle") }, `is "idle"`},
		"the type of a value":  {func(e *emission) { e.attributes[1] = attribute.Int("pulltrace.registry", 1) }, "is a int"},
		"the resource":         {func(e *emission) { e.resource = append(e.resource, attribute.String("new", "1")) }, "resource: has new"},
	} {
		t.Run(name, func(t *testing.T) {
			e := declaredEmission()
			test.change(&e)
			problems := registry.Check(emit(t, e))
			switch {
			case test.want == "" && len(problems) > 0, test.want != "" && len(problems) != 1:
				t.Errorf("the problems are %q", problems)
			case test.want != "" && !strings.Contains(problems[0], test.want):
				t.Errorf("the problem is %q, want %q in it", problems[0], test.want)
			}
		})
	}
}

func TestWhatWasNeverSeen(t *testing.T) {
	registry, err := conventions.Load()
	if err != nil {
		t.Fatal(err)
	}
	seen := []string{"metric pulltrace.pull.active", "metric pulltrace.pull.active: pulltrace.pull.phase", "pulltrace.pull.phase=queued"}
	not := []string{
		"metric pulltrace.pull.stalled", "span layer", "event pulltrace.pull.failed", "pulltrace.pull.phase=unpacking",
		"attributes.pulltrace.node: k8s.node.name", "resource: container.runtime.version", "pulltrace.estimated=pull.start",
	}
	for _, what := range append(seen, not...) {
		if !slices.Contains(registry.Unseen(false), what) {
			t.Errorf("%s is not among what was never seen, before anything was", what)
		}
	}
	registry.Check(emit(t, declaredEmission()))
	for _, what := range seen {
		if slices.Contains(registry.Unseen(false), what) {
			t.Errorf("%s was seen", what)
		}
	}
	for _, what := range not {
		if !slices.Contains(registry.Unseen(false), what) {
			t.Errorf("%s was not seen", what)
		}
	}
}

func TestSpansAndEvents(t *testing.T) {
	registry, err := conventions.Load()
	if err != nil {
		t.Fatal(err)
	}
	recv := emit(t, declaredEmission())
	emitSpans(t, recv, "resolve", "resolved")
	emitEvents(t, recv, "pulltrace.pull.started", "pulltrace.pull.begun")
	got := registry.Check(recv)
	for _, want := range []string{
		"span resolved: is not declared",
		`event "pulltrace.pull.begun": is not declared`,
		"event pulltrace.pull.started: has no oci.manifest.digest, which is required",
		`event pulltrace.pull.started: has body text, trace "" and span "", want none and those of its pull`,
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not among the problems: %q", want, got)
		}
	}
	if slices.ContainsFunc(got, func(problem string) bool { return strings.HasPrefix(problem, "span resolve:") }) {
		t.Errorf("the span that is declared is among the problems: %q", got)
	}
}

// emit exports one point to a receiver.
func emit(t *testing.T, e emission) *otlp.Receiver {
	t.Helper()
	recv, err := otlp.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(recv.Close)
	exporter, err := otlpmetricgrpc.New(t.Context(), otlpmetricgrpc.WithEndpointURL(recv.Endpoint()))
	if err != nil {
		t.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithResource(resource.NewSchemaless(e.resource...)),
		sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithInterval(time.Hour))))
	meter := provider.Meter("github.com/pulltrace/pulltrace", metric.WithInstrumentationVersion("1"), metric.WithSchemaURL(e.schemaURL))
	set := metric.WithAttributes(e.attributes...)
	unit, description := metric.WithUnit(e.unit), metric.WithDescription(e.description)
	if e.counter {
		c, _ := meter.Int64Counter(e.name, unit, description)
		c.Add(t.Context(), 1, set)
	} else {
		c, _ := meter.Int64UpDownCounter(e.name, unit, description)
		c.Add(t.Context(), 1, set)
	}
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	return recv
}

// emitSpans exports spans without attributes.
func emitSpans(t *testing.T, recv *otlp.Receiver, names ...string) {
	t.Helper()
	exporter, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpointURL(recv.Endpoint()))
	if err != nil {
		t.Fatal(err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter), sdktrace.WithResource(resource.NewSchemaless(declaredEmission().resource...)))
	tracer := provider.Tracer("github.com/pulltrace/pulltrace", trace.WithInstrumentationVersion("1"), trace.WithSchemaURL(schemaURL))
	for _, name := range names {
		_, span := tracer.Start(t.Context(), name)
		span.End()
	}
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// emitEvents exports log records with an event name and a body, and nothing else.
func emitEvents(t *testing.T, recv *otlp.Receiver, names ...string) {
	t.Helper()
	conn, err := grpc.NewClient(strings.TrimPrefix(recv.Endpoint(), "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	scope := &logspb.ScopeLogs{}
	for _, name := range names {
		body := &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: "text"}}
		scope.LogRecords = append(scope.LogRecords, &logspb.LogRecord{EventName: name, Body: body})
	}
	request := &collogspb.ExportLogsServiceRequest{ResourceLogs: []*logspb.ResourceLogs{{ScopeLogs: []*logspb.ScopeLogs{scope}}}}
	if _, err := collogspb.NewLogsServiceClient(conn).Export(t.Context(), request); err != nil {
		t.Fatal(err)
	}
}
