package telemetry

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // exporters may compress
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// verdict is what a receiver does with a request.
type verdict int

const (
	accept verdict = iota
	refuse         // answer that it is not available
	drop           // take it, and drop the connection instead of an answer
)

// receiver takes metrics by OTLP, by gRPC or HTTP.
type receiver struct {
	collectorpb.UnimplementedMetricsServiceServer
	endpoint string
	conns    *connections

	mu       sync.Mutex
	verdicts []verdict // of the next requests; then accept
	judged   int
	requests []*collectorpb.ExportMetricsServiceRequest
	zipped   bool // the last one by HTTP was
}

// connections are those of a listener, which a test can drop.
type connections struct {
	net.Listener

	mu   sync.Mutex
	open []net.Conn
}

func (l *connections) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, c)
	return c, err
}

func (l *connections) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.open {
		if c != nil {
			c.Close()
		}
	}
	l.open = nil
}

func startReceiver(t *testing.T, protocol string) *receiver {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{endpoint: "http://" + listener.Addr().String(), conns: &connections{Listener: listener}}
	if protocol == "grpc" {
		server := grpc.NewServer()
		collectorpb.RegisterMetricsServiceServer(server, r)
		go server.Serve(r.conns)
		t.Cleanup(server.Stop)
		return r
	}
	server := httptest.NewUnstartedServer(r)
	server.Listener = r.conns
	server.Start()
	t.Cleanup(server.Close)
	return r
}

// judge decides on a request, and keeps it unless it is refused.
func (r *receiver) judge(request *collectorpb.ExportMetricsServiceRequest) (v verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.judged++
	if len(r.verdicts) > 0 {
		v, r.verdicts = r.verdicts[0], r.verdicts[1:]
	}
	if v != refuse {
		r.requests = append(r.requests, request)
	}
	return v
}

func (r *receiver) Export(_ context.Context, request *collectorpb.ExportMetricsServiceRequest) (*collectorpb.ExportMetricsServiceResponse, error) {
	switch r.judge(request) {
	case refuse:
		return nil, status.Error(codes.Unavailable, "not now")
	case drop:
		r.conns.drop()
	case accept:
	}
	return &collectorpb.ExportMetricsServiceResponse{}, nil
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	var body io.Reader = request.Body
	if request.Header.Get("Content-Encoding") == "gzip" {
		unzip, err := gzip.NewReader(body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		body = unzip
		r.mu.Lock()
		r.zipped = true
		r.mu.Unlock()
	}
	var metrics collectorpb.ExportMetricsServiceRequest
	content, err := io.ReadAll(body)
	if err != nil || proto.Unmarshal(content, &metrics) != nil || len(metrics.GetResourceMetrics()) == 0 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	switch r.judge(&metrics) {
	case refuse:
		w.WriteHeader(http.StatusServiceUnavailable)
	case drop:
		panic(http.ErrAbortHandler)
	case accept:
		w.WriteHeader(http.StatusOK)
	}
}

// will sets what is done with the next requests.
func (r *receiver) will(verdicts ...verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.verdicts = verdicts
}

// received is one data point, as it came.
type received struct {
	metric     string
	attrs      string
	value      float64
	end        bool // it has no value and closes the series
	time       uint64
	cumulative bool
	request    int
}

// points are the data points of gauges and sums that have come, in their order.
func (r *receiver) points() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []received
	for n, request := range r.requests {
		for _, m := range metricsOf(request) {
			list := m.GetGauge().GetDataPoints()
			if sum := m.GetSum(); sum != nil {
				list = sum.GetDataPoints()
			}
			for _, p := range list {
				value := p.GetAsDouble()
				if p, isInt := p.GetValue().(*metricspb.NumberDataPoint_AsInt); isInt {
					value = float64(p.AsInt)
				}
				all = append(all, received{
					metric: m.GetName(), attrs: text(p.GetAttributes()), value: value,
					end:  p.GetFlags() == uint32(metricspb.DataPointFlags_DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK) && p.GetValue() == nil,
					time: p.GetTimeUnixNano(), request: n,
					cumulative: m.GetSum().GetAggregationTemporality() == metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE,
				})
			}
		}
	}
	return all
}

// series are the data points of the live metrics from a place on, by series.
func (r *receiver) series(from int) map[string][]received {
	live := map[string]bool{}
	for _, name := range liveMetrics {
		live[name] = true
	}
	series := map[string][]received{}
	for _, p := range r.points()[from:] {
		if live[p.metric] {
			series[p.metric+p.attrs] = append(series[p.metric+p.attrs], p)
		}
	}
	return series
}

func metricsOf(request *collectorpb.ExportMetricsServiceRequest) (all []*metricspb.Metric) {
	for _, resource := range request.GetResourceMetrics() {
		for _, scope := range resource.GetScopeMetrics() {
			all = append(all, scope.GetMetrics()...)
		}
	}
	return all
}

func text(attrs []*commonpb.KeyValue) (s string) {
	for _, kv := range attrs {
		s += fmt.Sprintf(" %s=%s%d", kv.GetKey(), kv.GetValue().GetStringValue(), kv.GetValue().GetIntValue())
	}
	return s
}

// wait waits for something to be so.
func (r *receiver) wait(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
