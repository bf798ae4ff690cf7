package telemetry

import (
	"bytes"
	"log/slog"
	"slices"
	"testing"
	"time"

	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/pulltrace/pulltrace/collector/pull"
	"github.com/pulltrace/pulltrace/semconv"
)

// setUp is a reporter that exports to a receiver as OpenTelemetry's own variables
// say.
func setUp(t *testing.T, protocol string, variables map[string]string) *sent {
	t.Helper()
	s := &sent{receiver: startReceiver(t, protocol)}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", s.endpoint)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "3600000")
	for name, value := range variables {
		t.Setenv(name, value)
	}
	id := Identity{Version: "1.2.3", Node: Node{Name: "n1"}, Runtime: "containerd"}
	sdk, err := Setup(t.Context(), id, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if s.Reporter, err = newReporter(sdk, id, 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	s.watch()
	return s
}

// histograms are the metrics of pulls that have ended which lead to their traces.
var histograms = []semconv.Metric{
	semconv.PullDuration, semconv.PullRate, semconv.PullDownloaded,
	semconv.PullQueueDuration, semconv.PullSlotWaitDuration, semconv.PullResolveDuration, semconv.PullDownloadDuration, semconv.PullUnpackDuration,
}

// found is what came of a histogram.
type found struct {
	traces      [][]byte // of its exemplars
	bounds      []float64
	exponential bool
	temporality metricspb.AggregationTemporality
	count       uint64
}

// histogram is what came last of a histogram.
func (s *sent) histogram(name string) (f found) {
	s.receiver.mu.Lock()
	defer s.receiver.mu.Unlock()
	for _, request := range s.requests {
		for _, m := range metricsOf(request) {
			if m.GetName() != name {
				continue
			}
			var exemplars []*metricspb.Exemplar
			if h := m.GetExponentialHistogram(); h != nil {
				p := h.GetDataPoints()[0]
				f = found{exponential: true, temporality: h.GetAggregationTemporality(), count: p.GetCount()}
				exemplars = p.GetExemplars()
			} else {
				p := m.GetHistogram().GetDataPoints()[0]
				f = found{bounds: p.GetExplicitBounds(), temporality: m.GetHistogram().GetAggregationTemporality(), count: p.GetCount()}
				exemplars = p.GetExemplars()
			}
			for _, e := range exemplars {
				f.traces = append(f.traces, e.GetTraceId())
			}
		}
	}
	return f
}

// What the user sets holds for our instruments: by either protocol they are
// closed, lead to their traces, and take another aggregation and temporality.
func TestSetUpAsTheVariablesSay(t *testing.T) {
	const (
		cumulative = metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE
		delta      = metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA
	)
	for name, test := range map[string]struct {
		protocol    string
		variables   map[string]string
		exponential bool
		temporality metricspb.AggregationTemporality
		exemplars   bool
	}{
		"gRPC": {"grpc", nil, false, cumulative, true},
		"HTTP": {"http/protobuf", map[string]string{"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}, false, cumulative, true},
		"exponential histograms and deltas": {"grpc", map[string]string{
			"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "base2_exponential_bucket_histogram",
			"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE":        "delta",
			"OTEL_EXPORTER_OTLP_COMPRESSION":                           "gzip",
		}, true, delta, true},
		"exponential histograms and deltas, HTTP": {"http/protobuf", map[string]string{
			"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "base2_exponential_bucket_histogram",
			"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE":        "delta",
		}, true, delta, true},
		"no sampled traces": {"grpc", map[string]string{"OTEL_TRACES_SAMPLER": "always_off"}, false, cumulative, false},
		"no traces":         {"grpc", map[string]string{"OTEL_TRACES_EXPORTER": "none"}, false, cumulative, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := setUp(t, test.protocol, test.variables)
			s.begins(t, moving("a", 250))
			had := s.series(0)
			from := len(s.points())
			done := ended("a", pull.Failure, 300)
			done.Layers[0].Unpack = pull.Span{Start: at(7), End: at(9)}
			s.Report(pull.Update{Time: time.Now(), SourceUp: true, Ended: []pull.Pull{done}})
			s.waitForEnds(t, from, len(had))
			got := s.series(from)
			for id := range had {
				checkEnd(t, id, got[id], false)
			}
			trace := TraceID(done.ID)
			for _, m := range histograms {
				f := s.histogram(m.Name)
				if f.exponential != test.exponential || f.temporality != test.temporality || f.count != 1 {
					t.Errorf("%s: exponential %t, %s, %d pulls; want %t, %s, 1", m.Name, f.exponential, f.temporality, f.count, test.exponential, test.temporality)
				}
				if !test.exponential && !slices.Equal(f.bounds, m.Bounds) {
					t.Errorf("%s has bounds %v, want %v", m.Name, f.bounds, m.Bounds)
				}
				if test.exemplars && (len(f.traces) != 1 || !bytes.Equal(f.traces[0], trace[:])) {
					t.Errorf("%s leads to traces %x, want %s", m.Name, f.traces, trace)
				}
				if !test.exemplars && len(f.traces) > 0 {
					t.Errorf("%s leads to traces that nobody has: %x", m.Name, f.traces)
				}
			}
			s.shutdown(t)
		})
	}
}
