package telemetry

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"

	"github.com/pulltrace/pulltrace/collector/pull"
	"github.com/pulltrace/pulltrace/collector/telemetry/closing"
	"github.com/pulltrace/pulltrace/collector/telemetry/export"
	"github.com/pulltrace/pulltrace/semconv"
)

// way is a way to a receiver.
type way struct {
	protocol string
	gzip     bool
	delta    bool
}

var ways = map[string]way{
	"gRPC":             {protocol: "grpc"},
	"gRPC, compressed": {protocol: "grpc", gzip: true},
	"HTTP":             {protocol: "http"},
	"HTTP, compressed": {protocol: "http", gzip: true},
	"deltas":           {protocol: "grpc", delta: true},
}

// sent is a reporter that exports to a receiver, at the begin and the end of a
// pull only.
type sent struct {
	*Reporter
	*receiver

	delivered atomic.Int32 // requests whose arrival the reporter knows of
}

// watch counts what the reporter knows to have arrived.
func (s *sent) watch() {
	s.sdk.Closer.OnDelivery(func(at time.Time) {
		s.Reporter.delivered(at)
		s.delivered.Add(1)
	})
}

func newSent(t *testing.T, w way) *sent {
	t.Helper()
	s := &sent{receiver: startReceiver(t, w.protocol)}
	closer := closing.New(liveMetrics...)
	exporter := w.exporter(t, s.endpoint, closer)
	sdk := &SDK{SDK: &export.SDK{
		Meters:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithInterval(time.Hour)))),
		Tracers: sdktrace.NewTracerProvider(sdktrace.WithIDGenerator(IDGenerator())),
		Loggers: sdklog.NewLoggerProvider(),
	}, Closer: closer}
	var err error
	if s.Reporter, err = newReporter(sdk, Identity{Node: Node{Name: "n1"}}, 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	s.watch()
	return s
}

// exporter is one that does not wait for long before it tries again.
func (w way) exporter(t *testing.T, endpoint string, closer *closing.Closer) sdkmetric.Exporter {
	t.Helper()
	const first, longest = 20 * time.Millisecond, 100 * time.Millisecond
	temporality := sdkmetric.DefaultTemporalitySelector
	if w.delta { // as OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta has it
		temporality = func(kind sdkmetric.InstrumentKind) metricdata.Temporality {
			if kind == sdkmetric.InstrumentKindUpDownCounter || kind == sdkmetric.InstrumentKindObservableUpDownCounter {
				return metricdata.CumulativeTemporality
			}
			return metricdata.DeltaTemporality
		}
	}
	var exporter sdkmetric.Exporter
	var err error
	if w.protocol == "grpc" {
		options := []otlpmetricgrpc.Option{
			otlpmetricgrpc.WithEndpointURL(endpoint), otlpmetricgrpc.WithTemporalitySelector(temporality),
			otlpmetricgrpc.WithDialOption(grpc.WithChainUnaryInterceptor(closer.Unary)),
			otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig{Enabled: true, InitialInterval: first, MaxInterval: longest, MaxElapsedTime: time.Minute}),
		}
		if w.gzip {
			options = append(options, otlpmetricgrpc.WithCompressor("gzip"))
		}
		exporter, err = otlpmetricgrpc.New(t.Context(), options...)
	} else {
		options := []otlpmetrichttp.Option{
			otlpmetrichttp.WithEndpointURL(endpoint + "/v1/metrics"), otlpmetrichttp.WithTemporalitySelector(temporality),
			otlpmetrichttp.WithHTTPClient(&http.Client{Transport: closer.Transport(&http.Transport{})}),
			otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{Enabled: true, InitialInterval: first, MaxInterval: longest, MaxElapsedTime: time.Minute}),
		}
		if w.gzip {
			options = append(options, otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
		}
		exporter, err = otlpmetrichttp.New(t.Context(), options...)
	}
	if err != nil {
		t.Fatal(err)
	}
	return exporter
}

// begins reports running pulls, and waits for their first samples.
func (s *sent) begins(t *testing.T, pulls ...pull.Pull) {
	t.Helper()
	s.Report(pull.Update{Time: time.Now(), SourceUp: true, Started: pulls, Active: pulls})
	s.wait(t, "the first samples", func() bool { return s.delivered.Load() > 0 })
}

// waitForEnds waits until so many series are closed, and the reporter knows.
func (s *sent) waitForEnds(t *testing.T, from, want int) {
	t.Helper()
	s.wait(t, "the end of all series", func() bool { return s.ends(from) >= want && !s.pending() })
}

// shutdown ends all.
func (s *sent) shutdown(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s.Close(ctx)
	if err := s.sdk.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// moving is a pull with a sample of every live metric.
func moving(lease string, downloaded int64) pull.Pull {
	p := running(lease, downloaded)
	p.Rate, p.Idle, p.Remaining = 50, time.Second, 15*time.Second
	return p
}

// lastValues are the values that the last sample of a pull that ended with 300
// of 1000 bytes has; those of layers differ by state.
var lastValues = map[string]float64{
	semconv.ImageDownloaded.Name: 300, semconv.ImageSize.Name: 1000, semconv.ImageCached.Name: 0, semconv.ImageProgress.Name: 0.3,
	semconv.ImageRate.Name: 0, semconv.ImageIdle.Name: 0, semconv.LayerDownloaded.Name: 300, semconv.LayerExpected.Name: 1000,
}

// A series that ends gets one last sample, which is true, and is closed then,
// whatever the receiver does: a request that it dropped may have been taken, and
// what was in it comes again.
func TestSeriesEnd(t *testing.T) {
	for name, fault := range map[string][]verdict{
		"all is well":                   nil,
		"it refuses for a while":        {refuse, refuse, refuse},
		"it refuses what closes":        {accept, refuse, refuse},
		"it drops the last sample":      {drop},
		"it drops what closes":          {accept, drop},
		"it drops and refuses by turns": {drop, refuse, accept, drop, refuse},
		"it refuses for longer":         {refuse, refuse, refuse, refuse, refuse, refuse, refuse, refuse},
	} {
		for how, w := range ways {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				s := newSent(t, w)
				s.begins(t, moving("a", 250))
				had := s.series(0)
				from := len(s.points())
				s.will(fault...)
				s.Report(pull.Update{Time: time.Now(), SourceUp: true, Ended: []pull.Pull{ended("a", pull.Failure, 300)}})
				s.waitForEnds(t, from, len(had))
				s.shutdown(t)

				dropped := slices.Contains(fault, drop)
				got := s.series(from)
				for id := range had {
					checkEnd(t, id, got[id], dropped)
				}
				if w.protocol == "http" && w.gzip && !s.zipped {
					t.Error("requests are not compressed")
				}
			})
		}
	}
}

// ends counts the series that were closed.
func (s *sent) ends(from int) (n int) {
	for _, points := range s.series(from) {
		if points[len(points)-1].end {
			n++
		}
	}
	return n
}

// checkEnd holds what came of a series after its pull had ended: one sample, and
// one end. What a receiver took without saying so may come again.
func checkEnd(t *testing.T, id string, points []received, again bool) {
	t.Helper()
	samples, ends := 0, 0
	for i, p := range points {
		switch {
		case p.end:
			ends++
		case ends > 0:
			t.Errorf("%s: a sample came after the end", id)
		default:
			samples++
			if want, fixed := lastValues[p.metric]; fixed && p.value != want {
				t.Errorf("%s: the last sample is %g, want %g", id, p.value, want)
			}
		}
		if i > 0 && (p.time < points[i-1].time || (p.time == points[i-1].time && !again)) {
			t.Errorf("%s: point %d is not later than the one before", id, i)
		}
		if p.metric == semconv.ImageLayers.Name && !p.cumulative {
			t.Errorf("%s: a count is a delta", id)
		}
	}
	want := 1
	if points[0].metric == semconv.ImageRemaining.Name {
		want = 0 // it is not known of a pull that has ended
	}
	switch {
	case again && (samples < want || ends < 1), !again && (samples != want || ends != 1):
		t.Errorf("%s: %d last samples and %d ends, want %d and 1", id, samples, ends, want)
	}
}

// At shutdown nothing more will be told of any series: each one is closed in the
// request that has its last sample.
func TestSeriesEndAtShutdown(t *testing.T) {
	for how, w := range ways {
		for name, fault := range map[string][]verdict{"": nil, ", after it refused": {refuse, refuse}} {
			t.Run(how+name, func(t *testing.T) {
				t.Parallel()
				s := newSent(t, w)
				s.begins(t, moving("a", 250), other("b", 100))
				from := len(s.points())
				had := maps.Clone(s.series(0))
				s.will(fault...)
				s.Report(pull.Update{Time: time.Now(), SourceUp: true, Active: []pull.Pull{other("b", 100)}, Ended: []pull.Pull{ended("a", pull.Failure, 300)}})
				s.shutdown(t)

				got := s.series(from)
				for id := range had {
					if points := got[id]; len(points) == 0 || !points[len(points)-1].end {
						t.Errorf("%s was not closed: %v", id, points)
					} else if n := len(points); n > 1 && (points[n-2].end || points[n-2].time >= points[n-1].time) {
						t.Errorf("%s: %v, want samples and then an end", id, points)
					}
				}
				for _, p := range s.points() {
					if p.end && !slices.Contains(liveMetrics, p.metric) {
						t.Errorf("%s was closed, and is no live metric", p.metric)
					}
				}
			})
		}
	}
}

// other is a pull of another image.
func other(lease string, downloaded int64) pull.Pull {
	p := moving(lease, downloaded)
	p.Image.Name, p.Image.Root = "docker.io/library/redis", "sha256:0c"
	return p
}

// An image that is pulled again before its end was told goes on, and is closed
// when that pull ends.
func TestPulledAgainIsNotClosed(t *testing.T) {
	for how, w := range ways {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			s := newSent(t, w)
			s.begins(t, moving("a", 250))
			from := len(s.points())
			had := len(s.series(0))
			s.will(refuse, refuse, refuse)
			s.Report(pull.Update{Time: time.Now(), SourceUp: true, Ended: []pull.Pull{ended("a", pull.Failure, 300)}})
			s.wait(t, "a refusal", func() bool { s.receiver.mu.Lock(); defer s.receiver.mu.Unlock(); return len(s.verdicts) < 3 })
			again := moving("b", 20)
			s.Report(pull.Update{Time: time.Now(), SourceUp: true, Started: []pull.Pull{again}, Active: []pull.Pull{again}})
			s.wait(t, "the new pull's samples", func() bool {
				points := s.points()
				return len(points) > from && points[len(points)-1].request > 1 && s.has(semconv.ImageDownloaded.Name, 20)
			})
			for id, points := range s.series(from) {
				for _, p := range points {
					if p.end && p.metric != semconv.ImageRemaining.Name { // of which there was none for a moment
						t.Errorf("%s was closed, though it is pulled again", id)
					}
				}
			}
			s.Report(pull.Update{Time: time.Now(), SourceUp: true, Ended: []pull.Pull{ended("b", pull.Failure, 300)}})
			s.waitForEnds(t, from, had)
		})
	}
}

// has tells whether a metric has had a value.
func (s *sent) has(metric string, value float64) bool {
	for _, p := range s.points() {
		if p.metric == metric && p.value == value {
			return true
		}
	}
	return false
}

// Two pulls of one image share its series, which end with the last of them.
func TestSharedSeriesEndWithTheLastPull(t *testing.T) {
	s := newSent(t, ways["gRPC"])
	a, b := moving("a", 250), moving("b", 0)
	b.Layers[0].Download = pull.Span{}
	s.begins(t, a, b)
	had := len(s.series(0))
	from := len(s.points())
	s.Report(pull.Update{Time: time.Now(), SourceUp: true, Active: []pull.Pull{b}, Ended: []pull.Pull{ended("a", pull.Failure, 300)}})
	s.wait(t, "another export", func() bool { return len(s.points()) > from })
	if n := s.ends(from); n != 0 {
		t.Errorf("%d series were closed, though a pull goes on", n)
	}
	s.Report(pull.Update{Time: time.Now(), SourceUp: true, Ended: []pull.Pull{ended("b", pull.Failure, 300)}})
	s.waitForEnds(t, from, had)
}
