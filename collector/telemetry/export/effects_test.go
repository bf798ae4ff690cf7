package export

import (
	"context"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/trace"
	collogspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// exported is what arrived, all requests together.
type exported struct {
	metrics  map[string]*metricspb.Metric // as last told
	spans    []*tracepb.Span
	records  []*logspb.LogRecord
	resource map[string]string // as last told
}

func (r *receiver) exported() exported {
	e := exported{metrics: make(map[string]*metricspb.Metric), resource: make(map[string]string)}
	resource := func(attrs []*commonpb.KeyValue) {
		for _, a := range attrs {
			e.resource[a.GetKey()] = a.GetValue().GetStringValue()
		}
	}
	for _, q := range of[*colmetricspb.ExportMetricsServiceRequest](r) {
		for _, rm := range q.GetResourceMetrics() {
			resource(rm.GetResource().GetAttributes())
			for _, sm := range rm.GetScopeMetrics() {
				for _, m := range sm.GetMetrics() {
					e.metrics[m.GetName()] = m
				}
			}
		}
	}
	for _, q := range of[*coltracepb.ExportTraceServiceRequest](r) {
		for _, rs := range q.GetResourceSpans() {
			resource(rs.GetResource().GetAttributes())
			for _, ss := range rs.GetScopeSpans() {
				e.spans = append(e.spans, ss.GetSpans()...)
			}
		}
	}
	for _, q := range of[*collogspb.ExportLogsServiceRequest](r) {
		for _, rl := range q.GetResourceLogs() {
			resource(rl.GetResource().GetAttributes())
			for _, sl := range rl.GetScopeLogs() {
				e.records = append(e.records, sl.GetLogRecords()...)
			}
		}
	}
	return e
}

func (e exported) temporality(metric string) metricspb.AggregationTemporality {
	return e.metrics[metric].GetSum().GetAggregationTemporality()
}

func (e exported) exemplars() int {
	n := 0
	for _, p := range e.metrics["time"].GetHistogram().GetDataPoints() {
		n += len(p.GetExemplars())
	}
	return n
}

// What variables of the SDK do, seen by a backend after one flush.
func TestEffects(t *testing.T) {
	const cumulative, delta = metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE, metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA
	all := func(e exported) bool { return len(e.metrics) == 3 && len(e.spans) == 1 && len(e.records) == 1 }
	noSpan := func(e exported) bool { return len(e.metrics) == 3 && len(e.spans) == 0 && e.exemplars() == 0 }
	for variables, as := range map[string]func(exported) bool{
		"": func(e exported) bool {
			return len(e.metrics) == 3 && len(e.spans) == 1 && len(e.records) == 0 && e.exemplars() == 1 &&
				e.temporality("things") == cumulative && e.resource["service.name"] == "pulltrace"
		},
		"OTEL_SDK_DISABLED=true":  func(e exported) bool { return len(e.metrics)+len(e.spans)+len(e.records) == 0 },
		"OTEL_SDK_DISABLED=false": func(e exported) bool { return len(e.metrics) == 3 },
		"OTEL_METRICS_EXPORTER=otlp OTEL_TRACES_EXPORTER=otlp OTEL_LOGS_EXPORTER=otlp": all,
		"OTEL_METRICS_EXPORTER=none": func(e exported) bool { return len(e.metrics) == 0 && len(e.spans) == 1 },
		"OTEL_TRACES_EXPORTER=none":  noSpan,
		"OTEL_LOGS_EXPORTER=none":    func(e exported) bool { return len(e.records) == 0 },

		"OTEL_RESOURCE_ATTRIBUTES=k8s.cluster.name=prod,team=x%20y,k8s.node.name=mine": func(e exported) bool {
			return e.resource["k8s.cluster.name"] == "prod" && e.resource["team"] == "x y" && e.resource["k8s.node.name"] == "mine" && e.resource["service.name"] == "pulltrace"
		},
		"OTEL_SERVICE_NAME=pulls OTEL_RESOURCE_ATTRIBUTES=service.name=other": func(e exported) bool { return e.resource["service.name"] == "pulls" },

		"OTEL_TRACES_SAMPLER=always_on":                                          func(e exported) bool { return len(e.spans) == 1 },
		"OTEL_TRACES_SAMPLER=always_off":                                         noSpan,
		"OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=0":             noSpan,
		"OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=1":             func(e exported) bool { return len(e.spans) == 1 },
		"OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG=0": noSpan,
		"OTEL_TRACES_SAMPLER=parentbased_always_on":                              func(e exported) bool { return len(e.spans) == 1 },
		"OTEL_TRACES_SAMPLER=parentbased_always_off":                             noSpan,

		"OTEL_METRICS_EXEMPLAR_FILTER=always_off":                          func(e exported) bool { return e.exemplars() == 0 },
		"OTEL_METRICS_EXEMPLAR_FILTER=trace_based":                         func(e exported) bool { return e.exemplars() == 1 },
		"OTEL_METRICS_EXEMPLAR_FILTER=always_on OTEL_TRACES_EXPORTER=none": func(e exported) bool { return e.exemplars() == 1 },
		"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative":     func(e exported) bool { return e.temporality("things") == cumulative },
		"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta":          func(e exported) bool { return e.temporality("things") == delta && e.temporality("observed") == delta },
		"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=lowmemory": func(e exported) bool {
			return e.temporality("things") == delta && e.temporality("observed") == cumulative
		},
		"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION=explicit_bucket_histogram": func(e exported) bool { return e.metrics["time"].GetHistogram() != nil },
		"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION=base2_exponential_bucket_histogram": func(e exported) bool {
			return e.metrics["time"].GetExponentialHistogram() != nil
		},

		"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=1":                              func(e exported) bool { return len(e.spans[0].GetAttributes()) == 1 },
		"OTEL_ATTRIBUTE_COUNT_LIMIT=1":                                   func(e exported) bool { return len(e.spans[0].GetAttributes()) == 1 },
		"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT=2":                       func(e exported) bool { return e.spans[0].GetAttributes()[0].GetValue().GetStringValue() == "lo" },
		"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=2":                            func(e exported) bool { return e.spans[0].GetAttributes()[0].GetValue().GetStringValue() == "lo" },
		"OTEL_LOGS_EXPORTER=otlp OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT=1": func(e exported) bool { return len(e.records[0].GetAttributes()) == 1 },
		"OTEL_LOGS_EXPORTER=otlp OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT=2": func(e exported) bool {
			return e.records[0].GetAttributes()[0].GetValue().GetStringValue() == "lo"
		},
	} {
		t.Run(variables, func(t *testing.T) {
			r := newReceiver(t, nil)
			setUp(t, append(strings.Fields(variables), "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+r.grpc)...).flush(t)
			if got := r.exported(); !as(got) {
				t.Errorf("exported %+v", got)
			}
		})
	}
}

// The IDs of spans are given, also where a file sets the exporters up.
func TestIDs(t *testing.T) {
	r := newReceiver(t, nil)
	file := "file_format: '1.0'\ntracer_provider: {processors: [{batch: {exporter: {otlp_grpc: {endpoint: 'http://" + r.grpc + "'}}}}]}\n"
	for i, variable := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + r.grpc, config(t, file)} {
		setUpWith(t, Config{IDs: fixedIDs{}}, variable, "OTEL_METRICS_EXPORTER=none").flush(t)
		if e := r.exported(); len(e.spans) != i+1 || e.spans[i].GetTraceId()[0] != 7 {
			t.Errorf("%s: spans %v", variable, e.spans)
		}
	}
}

type fixedIDs struct{ randomIDs }

func (fixedIDs) NewIDs(context.Context) (trace.TraceID, trace.SpanID) {
	return trace.TraceID{7}, trace.SpanID{7}
}

// What leaves by itself: nobody flushes.
func TestIntervals(t *testing.T) {
	for variables, left := range map[string]func(exported) bool{
		"OTEL_METRIC_EXPORT_INTERVAL=50":                            func(e exported) bool { return len(e.metrics) == 3 },
		"OTEL_BSP_SCHEDULE_DELAY=50":                                func(e exported) bool { return len(e.spans) == 1 },
		"OTEL_BLRP_SCHEDULE_DELAY=50":                               func(e exported) bool { return len(e.records) == 1 },
		"OTEL_BSP_MAX_EXPORT_BATCH_SIZE=1":                          func(e exported) bool { return len(e.spans) == 1 },
		"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE=1 OTEL_LOGS_EXPORTER=otlp": func(e exported) bool { return len(e.records) == 1 },
	} {
		t.Run(variables, func(t *testing.T) {
			r := newReceiver(t, nil)
			// The delays of the others are as long as they can be.
			env := []string{
				"OTEL_LOGS_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_ENDPOINT=http://" + r.grpc,
				"OTEL_METRIC_EXPORT_INTERVAL=60000", "OTEL_BSP_SCHEDULE_DELAY=60000", "OTEL_BLRP_SCHEDULE_DELAY=60000",
			}
			setUp(t, append(env, strings.Fields(variables)...)...)
			eventually(t, "an export", func() bool { return left(r.exported()) })
		})
	}
}

// A queue that is full drops what comes, and batches are of the size that is set.
func TestQueuesAndBatches(t *testing.T) {
	r := newReceiver(t, nil)
	sdk := setUp(t, "OTEL_LOGS_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+r.grpc, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=2", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE=2")
	sdk.emit(t, 9)
	sdk.flush(t)
	for _, q := range of[*coltracepb.ExportTraceServiceRequest](r) {
		if n := len(q.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()); n > 2 {
			t.Errorf("%d spans in a batch", n)
		}
	}
	for _, q := range of[*collogspb.ExportLogsServiceRequest](r) {
		if n := len(q.GetResourceLogs()[0].GetScopeLogs()[0].GetLogRecords()); n > 2 {
			t.Errorf("%d log records in a batch", n)
		}
	}
	if e := r.exported(); len(e.spans) != 10 || len(e.records) != 10 {
		t.Errorf("%d spans and %d log records, want all 10", len(e.spans), len(e.records))
	}

	// The batch that is on its way is held up, so that the queue fills.
	hung := newReceiver(t, nil)
	hung.hang(t)
	sdk = setUp(t, "OTEL_LOGS_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+hung.grpc, "OTEL_EXPORTER_OTLP_TIMEOUT=60000",
		"OTEL_BSP_MAX_QUEUE_SIZE=3", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=1", "OTEL_BLRP_MAX_QUEUE_SIZE=3", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE=1")
	time.Sleep(200 * time.Millisecond)
	sdk.emit(t, 20)
	hung.release()
	eventually(t, "what was queued", func() bool { e := hung.exported(); return len(e.spans) >= 4 && len(e.records) >= 4 })
	time.Sleep(100 * time.Millisecond)
	if e := hung.exported(); len(e.spans) > 6 || len(e.records) > 6 {
		t.Errorf("%d spans and %d log records, want those of a queue of 3", len(e.spans), len(e.records))
	}
}

// printed is what a function has written to standard output.
func printed(t *testing.T, f func()) string {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer func(old *os.File) { os.Stdout = old }(os.Stdout)
	os.Stdout = file
	f()
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestConsole(t *testing.T) {
	out := printed(t, func() {
		setUp(t, "OTEL_METRICS_EXPORTER=console", "OTEL_TRACES_EXPORTER=console", "OTEL_LOGS_EXPORTER=console").flush(t)
	})
	for _, want := range []string{`"Name":"things"`, `"Name":"work"`, `"EventName":"done"`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
}

// A list leads to each that is in it.
func TestSeveralExporters(t *testing.T) {
	r := newReceiver(t, nil)
	port := freePort(t)
	out := printed(t, func() {
		sdk := setUp(t, "OTEL_METRICS_EXPORTER=otlp,prometheus,console", "OTEL_TRACES_EXPORTER=console,otlp", "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+r.grpc, "OTEL_EXPORTER_PROMETHEUS_PORT="+port)
		sdk.flush(t)
		if !sdk.Scraped {
			t.Error("not said to be scraped")
		}
	})
	if e := r.exported(); len(e.metrics) != 3 || len(e.spans) != 1 {
		t.Errorf("by OTLP: %+v", e)
	}
	if !strings.Contains(out, `"Name":"things"`) || !strings.Contains(out, `"Name":"work"`) {
		t.Errorf("printed %s", out)
	}
	if body, _ := fetch(t, "localhost:"+port, ""); !strings.Contains(body, "things_bytes_total") {
		t.Errorf("scraped %s", body)
	}
}

// Where nothing is set, metrics leave every 10 s.
func TestDefaultInterval(t *testing.T) {
	environment(t, "OTEL_METRICS_EXPORTER=console", "OTEL_TRACES_EXPORTER=none")
	synctest.Test(t, func(t *testing.T) {
		for wait, want := range map[time.Duration]bool{9900 * time.Millisecond: false, 10100 * time.Millisecond: true} {
			out := printed(t, func() {
				sdk := setUp(t, "OTEL_METRICS_EXPORTER=console", "OTEL_TRACES_EXPORTER=none")
				time.Sleep(wait)
				synctest.Wait()
				_ = sdk
			})
			if got := strings.Contains(out, "things"); got != want {
				t.Errorf("after %s exported: %v", wait, got)
			}
		}
	})
}

// An endpoint that is not set is the standard's, without TLS.
func TestDefaultEndpoint(t *testing.T) {
	for protocol, variables := range protocols {
		t.Run(protocol, func(t *testing.T) {
			var listeners []net.Listener
			for _, port := range []string{"4317", "4318"} {
				l, err := net.Listen("tcp", "localhost:"+port)
				if err != nil {
					t.Skip("somebody else has the port: ", err)
				}
				listeners = append(listeners, l)
			}
			r := &receiver{}
			r.serve(t, nil, listeners[0], listeners[1])
			env := slices.DeleteFunc(variables(r, "http"), func(v string) bool { return strings.Contains(v, "ENDPOINT") })
			setUp(t, env...).flush(t)
			r.whole(t, protocol)
		})
	}
}
