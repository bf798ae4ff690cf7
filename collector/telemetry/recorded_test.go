package telemetry

import (
	"context"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/pulltrace/pulltrace/collector/pull"
	"github.com/pulltrace/pulltrace/collector/telemetry/export"
	"github.com/pulltrace/pulltrace/semconv"
)

// recorded is a reporter whose telemetry a test reads.
type recorded struct {
	*Reporter
	reader *sdkmetric.ManualReader
	spans  *tracetest.InMemoryExporter
	logs   logged

	collected metricdata.ResourceMetrics // by export
}

func newRecorded(t testing.TB) *recorded {
	t.Helper()
	r := &recorded{reader: sdkmetric.NewManualReader(), spans: tracetest.NewInMemoryExporter()}
	sdk := &SDK{SDK: &export.SDK{
		Meters:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.reader)),
		Tracers: sdktrace.NewTracerProvider(sdktrace.WithSyncer(r.spans), sdktrace.WithIDGenerator(IDGenerator())),
		Loggers: sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewSimpleProcessor(&r.logs))),
	}}
	var err error
	if r.Reporter, err = NewReporter(sdk, Identity{Version: "1.2.3", Node: Node{Name: "n1", Kubernetes: true}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(context.Background()) })
	return r
}

// logged keeps log records.
type logged struct{ records []sdklog.Record }

func (l *logged) Export(_ context.Context, records []sdklog.Record) error {
	for _, r := range records {
		l.records = append(l.records, r.Clone())
	}
	return nil
}

func (*logged) ForceFlush(context.Context) error { return nil }
func (*logged) Shutdown(context.Context) error   { return nil }

// point is one data point: its value and what tells it from others.
type point struct {
	value float64
	attrs attribute.Set
}

// collect is what an export has now.
func (r *recorded) collect(t *testing.T) []metricdata.ScopeMetrics {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := r.reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	return all.ScopeMetrics
}

// names are the names of the metrics now.
func (r *recorded) names(t *testing.T) (names []string) {
	t.Helper()
	for _, scope := range r.collect(t) {
		for _, m := range scope.Metrics {
			names = append(names, m.Name)
		}
	}
	return names
}

// scope is the name, version and schema URL of the metrics' scope.
func (r *recorded) scope(t *testing.T) [3]string {
	t.Helper()
	s := r.collect(t)[0].Scope
	return [3]string{s.Name, s.Version, s.SchemaURL}
}

// points are the data points of a metric now, of histograms their sums.
func (r *recorded) points(t *testing.T, m semconv.Metric) []point {
	t.Helper()
	var points []point
	for _, scope := range r.collect(t) {
		for _, got := range scope.Metrics {
			if got.Name != m.Name {
				continue
			}
			switch data := got.Data.(type) {
			case metricdata.Gauge[int64]:
				points = appendPoints(points, data.DataPoints)
			case metricdata.Gauge[float64]:
				points = appendPoints(points, data.DataPoints)
			case metricdata.Sum[int64]:
				points = appendPoints(points, data.DataPoints)
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					points = append(points, point{p.Sum, p.Attributes})
				}
			case metricdata.Histogram[int64]:
				for _, p := range data.DataPoints {
					points = append(points, point{float64(p.Sum), p.Attributes})
				}
			}
		}
	}
	return points
}

func appendPoints[N int64 | float64](points []point, data []metricdata.DataPoint[N]) []point {
	for _, p := range data {
		points = append(points, point{float64(p.Value), p.Attributes})
	}
	return points
}

// only is the value of a metric that must have exactly one data point.
func (r *recorded) only(t *testing.T, m semconv.Metric) float64 {
	t.Helper()
	points := r.points(t, m)
	if len(points) != 1 {
		t.Fatalf("%s has %d points, want 1", m.Name, len(points))
	}
	return points[0].value
}

var begin = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }

// running is a pull that has fetched so many of its 1000 bytes. It began in the
// future, so that this process has seen all of it.
func running(lease string, downloaded int64) pull.Pull {
	start := time.Now().Add(time.Hour)
	return pull.Pull{
		ID:    pull.ID{Daemon: "d", Namespace: "k8s.io", Lease: lease},
		Image: pull.Image{Name: "docker.io/library/nginx", Registry: "docker.io", Root: digest.FromString("nginx")},
		Start: start, Phase: pull.Downloading, TotalKnown: true, Size: 1000, Downloaded: downloaded, Remaining: -1,
		Layers: []pull.Layer{{
			Descriptor: pull.Descriptor{Digest: digest.FromString("layer"), Size: 1000}, State: pull.LayerDownloading,
			Downloaded: downloaded, Download: pull.Span{Start: start},
		}},
	}
}

// ended is the pull of a lease that ran for 10 s.
func ended(lease string, outcome pull.Outcome, downloaded int64) pull.Pull {
	p := running(lease, downloaded)
	p.Start, p.Resolved, p.End, p.Phase, p.Outcome = at(0), at(1), at(10), "", outcome
	p.Layers[0].State = pull.LayerDone
	p.Layers[0].Opened = at(1)
	p.Layers[0].Download = pull.Span{Start: at(2), End: at(7)}
	p.Layers[0].Unpack = pull.Span{Start: at(7), End: at(9)}
	if outcome == pull.Failure {
		p.Err = pull.ErrOther
		p.Layers[0].State = pull.LayerDownloading
		p.Layers[0].Download.End = at(10)
		p.Layers[0].Unpack = pull.Span{}
	}
	return p
}
