package otlp_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/pulltrace/pulltrace/test/otlp"
)

func TestSpansArriveAsTheSDKEndedThem(t *testing.T) {
	recv, ctx := start(t), t.Context()
	exporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(recv.Endpoint()))
	if err != nil {
		t.Fatal(err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	t.Cleanup(func() { _ = provider.Shutdown(context.Background()) })

	begin := time.Unix(1_700_000_000, 123_456_789)
	tracer := provider.Tracer("scope")
	parentCtx, parent := tracer.Start(ctx, "parent", trace.WithTimestamp(begin),
		trace.WithAttributes(attribute.String("name", "value"), attribute.Int("count", 3), attribute.StringSlice("list", []string{"a", "b"})))
	_, child := tracer.Start(parentCtx, "child", trace.WithTimestamp(begin.Add(time.Second)))
	child.End(trace.WithTimestamp(begin.Add(2 * time.Second)))
	parent.SetStatus(codes.Error, "it broke")
	parent.End(trace.WithTimestamp(begin.Add(3 * time.Second)))

	spans := recv.Spans("parent")
	if len(spans) != 1 {
		t.Fatalf("got %d spans, want 1", len(spans))
	}
	got := spans[0]
	if !got.Start.Equal(begin) || !got.End.Equal(begin.Add(3*time.Second)) {
		t.Errorf("span runs from %s to %s", got.Start, got.End)
	}
	if diff := cmp.Diff(otlp.Attributes{"name": "value", "count": int64(3), "list": []any{"a", "b"}}, got.Attributes); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if got.Status != tracepb.Status_STATUS_CODE_ERROR || got.StatusMessage != "it broke" || got.ParentID != "" || got.Scope.Name != "scope" {
		t.Errorf("span is %+v", got)
	}
	if size := int64(proto.Size(recv.Traces()[0].Request)); recv.Bytes() <= size {
		t.Errorf("%d bytes came over the wire, a request of %d was in them", recv.Bytes(), size)
	}
	if children := recv.Children(got); len(children) != 1 || children[0].Name != "child" {
		t.Errorf("children are %+v", children)
	}
	if tree := strings.Fields(recv.Tree(got)); !cmp.Equal(tree, []string{"parent", "+0.000s", "3.000s", "child", "+1.000s", "1.000s"}) {
		t.Errorf("the tree reads\n%s", recv.Tree(got))
	}
}

func TestPointsArriveAsTheSDKReadThem(t *testing.T) {
	recv, ctx := start(t), t.Context()
	provider := newMeterProvider(t, recv)
	meter := provider.Meter("scope")
	bytes, _ := meter.Int64Counter("bytes", metric.WithUnit("By"))
	ratio, _ := meter.Float64Gauge("ratio", metric.WithUnit("1"))
	active, _ := meter.Int64UpDownCounter("active")
	took, _ := meter.Float64Histogram("took", metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(1, 10))

	bytes.Add(ctx, 7, metric.WithAttributes(attribute.String("registry", "docker.io")))
	ratio.Record(ctx, 0.5)
	active.Add(ctx, -2)
	took.Record(ctx, 5)
	if err := provider.ForceFlush(ctx); err != nil {
		t.Fatal(err)
	}
	type want struct {
		Unit  string
		Kind  otlp.Kind
		Value float64
		Count uint64
		Sum   float64
	}
	for name, want := range map[string]want{
		"bytes":  {Unit: "By", Kind: otlp.Counter, Value: 7},
		"ratio":  {Unit: "1", Kind: otlp.Gauge, Value: 0.5},
		"active": {Kind: otlp.UpDownCounter, Value: -2},
		"took":   {Unit: "s", Kind: otlp.Histogram, Count: 1, Sum: 5},
	} {
		points := recv.Points(name)
		if len(points) != 1 {
			t.Fatalf("%s has %d points, want 1", name, len(points))
		}
		p := points[0]
		if p.Unit != want.Unit || p.Kind != want.Kind || p.Value != want.Value || p.Count != want.Count || p.Sum != want.Sum {
			t.Errorf("%s is %+v, want %+v", name, p, want)
		}
		if age := p.Arrived.Sub(p.Time); age < 0 || age > time.Second {
			t.Errorf("%s is of %s and arrived at %s", name, p.Time, p.Arrived)
		}
	}
	if got := recv.Points("bytes")[0].Attributes["registry"]; got != "docker.io" {
		t.Errorf("registry is %v", got)
	}
}

func TestExponentialHistogramsAreHistograms(t *testing.T) {
	recv, ctx := start(t), t.Context()
	provider := newMeterProvider(t, recv, sdkmetric.WithView(sdkmetric.NewView(sdkmetric.Instrument{Name: "*"},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}})))
	took, _ := provider.Meter("scope").Float64Histogram("took", metric.WithDescription("how long"))
	took.Record(ctx, 5)
	if err := provider.ForceFlush(ctx); err != nil {
		t.Fatal(err)
	}
	points := recv.Points("took")
	if len(points) != 1 {
		t.Fatalf("got %d points, want 1", len(points))
	}
	if p := points[0]; p.Kind != otlp.Histogram || p.Count != 1 || p.Sum != 5 || p.Bounds != nil || p.Description != "how long" {
		t.Errorf("the point is %+v", p)
	}
}

func TestRefusedRequestsAreNotKept(t *testing.T) {
	recv, ctx := start(t), t.Context()
	provider := newMeterProvider(t, recv)
	gauge, _ := provider.Meter("scope").Int64Gauge("gauge")
	gauge.Record(ctx, 1)

	recv.Refuse(grpccodes.PermissionDenied)
	if err := provider.ForceFlush(ctx); err == nil {
		t.Error("the exporter did not see the refusal")
	}
	if len(recv.Metrics()) != 0 || recv.Refused() != 1 {
		t.Errorf("kept %d requests and refused %d, want 0 and 1", len(recv.Metrics()), recv.Refused())
	}
	recv.Refuse(grpccodes.OK)
	if err := provider.ForceFlush(ctx); err != nil || len(recv.Metrics()) != 1 {
		t.Errorf("afterwards: error %v, %d requests kept, want none and 1", err, len(recv.Metrics()))
	}
}

func TestOneSignalIsRefused(t *testing.T) {
	recv, ctx := start(t), t.Context()
	provider := newMeterProvider(t, recv)
	gauge, _ := provider.Meter("scope").Int64Gauge("gauge")
	gauge.Record(ctx, 1)

	recv.RefuseOnly(otlp.Traces, grpccodes.Unavailable)
	if err := provider.ForceFlush(ctx); err != nil || len(recv.Metrics()) != 1 {
		t.Errorf("metrics beside traces that are refused: error %v, %d requests kept, want none and 1", err, len(recv.Metrics()))
	}
	recv.RefuseOnly(otlp.Metrics, grpccodes.PermissionDenied)
	if err := provider.ForceFlush(ctx); err == nil || recv.Refused() != 1 {
		t.Errorf("metrics that are refused: error %v, %d refused, want one and 1", err, recv.Refused())
	}
	recv.Forget()
	if kept := len(recv.Metrics()); kept != 0 {
		t.Errorf("%d requests are kept that were to be forgotten", kept)
	}
}

func TestAnswersTakeTheirTime(t *testing.T) {
	recv, ctx := start(t), t.Context()
	provider := newMeterProvider(t, recv)
	gauge, _ := provider.Meter("scope").Int64Gauge("gauge")
	gauge.Record(ctx, 1)
	recv.Delay(300 * time.Millisecond)
	began := time.Now()
	if err := provider.ForceFlush(ctx); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("an export took %s, the receiver takes 300 ms", took)
	}
}

func TestWaitSeesWhatArrivesAndGivesUpInTime(t *testing.T) {
	recv, ctx := start(t), t.Context()
	provider := newMeterProvider(t, recv)
	gauge, _ := provider.Meter("scope").Int64Gauge("gauge")
	gauge.Record(ctx, 1)
	time.AfterFunc(50*time.Millisecond, func() { provider.ForceFlush(context.Background()) })
	if err := recv.Wait(ctx, "a point", func() bool { return len(recv.Points("gauge")) > 0 }); err != nil {
		t.Error(err)
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	err := recv.Wait(short, "the impossible", func() bool { return false })
	if err == nil || !strings.Contains(err.Error(), "the impossible") {
		t.Errorf("waiting in vain gave %v", err)
	}
}

func start(t *testing.T) *otlp.Receiver {
	t.Helper()
	recv, err := otlp.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(recv.Close)
	return recv
}

func newMeterProvider(t *testing.T, recv *otlp.Receiver, options ...sdkmetric.Option) *sdkmetric.MeterProvider {
	t.Helper()
	exporter, err := otlpmetricgrpc.New(t.Context(), otlpmetricgrpc.WithEndpointURL(recv.Endpoint()),
		otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig{Enabled: false}))
	if err != nil {
		t.Fatal(err)
	}
	reader := sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithInterval(time.Hour)))
	provider := sdkmetric.NewMeterProvider(append(options, reader)...)
	t.Cleanup(func() { _ = provider.Shutdown(context.Background()) })
	return provider
}
