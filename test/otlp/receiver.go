package otlp

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	collogspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // exporters may compress
	"google.golang.org/grpc/status"
)

// Receiver is a running OTLP receiver. Its methods may be called from any
// goroutine.
type Receiver struct {
	listener *wire
	server   *grpc.Server

	mu      sync.Mutex
	refusal map[Signal]codes.Code // of those that are not accepted
	delay   time.Duration
	refused int
	changed chan struct{} // closed and replaced at each arrival
	traces  []Arrival[*coltracepb.ExportTraceServiceRequest]
	metrics []Arrival[*colmetricspb.ExportMetricsServiceRequest]
	logs    []Arrival[*collogspb.ExportLogsServiceRequest]
}

// Signal is what an export is of.
type Signal string

// The signals.
const (
	Traces  Signal = "traces"
	Metrics Signal = "metrics"
	Logs    Signal = "logs"
)

// Arrival is an export request and when it came.
type Arrival[T any] struct {
	Time    time.Time
	Request T
}

// Start starts a receiver on a free port of 127.0.0.1.
func Start() (*Receiver, error) { return StartOn("127.0.0.1:0") }

// StartOn is Start on an address of its own.
func StartOn(address string) (*Receiver, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("starting OTLP receiver: %w", err)
	}
	r := &Receiver{
		listener: &wire{Listener: l}, server: grpc.NewServer(), refusal: map[Signal]codes.Code{}, changed: make(chan struct{}),
	}
	coltracepb.RegisterTraceServiceServer(r.server, &traceService{r: r})
	colmetricspb.RegisterMetricsServiceServer(r.server, &metricsService{r: r})
	collogspb.RegisterLogsServiceServer(r.server, &logsService{r: r})
	go r.server.Serve(r.listener) // returns when stopped
	return r, nil
}

// Close stops the receiver. What it received can still be asked for.
func (r *Receiver) Close() { r.server.Stop() }

// Endpoint returns the value for OTEL_EXPORTER_OTLP_ENDPOINT.
func (r *Receiver) Endpoint() string { return "http://" + r.listener.Addr().String() }

// Address returns where it listens, host:port.
func (r *Receiver) Address() string { return r.listener.Addr().String() }

// Bytes returns how many have come over the wire so far, in requests and around them.
func (r *Receiver) Bytes() int64 { return r.listener.bytes.Load() }

// Refuse answers every export with this code and keeps nothing of it, until it
// is called with codes.OK.
func (r *Receiver) Refuse(code codes.Code) {
	for _, signal := range []Signal{Traces, Metrics, Logs} {
		r.RefuseOnly(signal, code)
	}
}

// RefuseOnly is Refuse for one signal alone.
func (r *Receiver) RefuseOnly(signal Signal, code codes.Code) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusal[signal] = code
}

// Delay answers each further export only after so long; what it has is kept at once.
func (r *Receiver) Delay(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delay = d
}

// Forget drops all that was received so far.
func (r *Receiver) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.traces, r.metrics, r.logs = nil, nil, nil
}

// Refused returns how many exports were refused so far.
func (r *Receiver) Refused() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused
}

// Traces returns the trace requests so far, in order of arrival.
func (r *Receiver) Traces() []Arrival[*coltracepb.ExportTraceServiceRequest] {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clip(r.traces)
}

// Metrics returns the metrics requests so far, in order of arrival.
func (r *Receiver) Metrics() []Arrival[*colmetricspb.ExportMetricsServiceRequest] {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clip(r.metrics)
}

// Logs returns the logs requests so far, in order of arrival.
func (r *Receiver) Logs() []Arrival[*collogspb.ExportLogsServiceRequest] {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clip(r.logs)
}

// Wait returns when the condition holds. It looks now and at each arrival. What
// is waited for stands in the error when the context ends first.
func (r *Receiver) Wait(ctx context.Context, what string, condition func() bool) error {
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		if condition() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		}
	}
}

// keep adds a request to one of the receiver's lists, unless it refuses.
func keep[T any](ctx context.Context, r *Receiver, signal Signal, list *[]Arrival[T], request T) error {
	defer r.dawdle(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if code := r.refusal[signal]; code != codes.OK {
		r.refused++
		return status.Error(code, "refused by the test")
	}
	*list = append(*list, Arrival[T]{Time: time.Now(), Request: request})
	close(r.changed)
	r.changed = make(chan struct{})
	return nil
}

// dawdle waits for as long as an answer is to take.
func (r *Receiver) dawdle(ctx context.Context) {
	r.mu.Lock()
	delay := r.delay
	r.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
	}
}

type traceService struct {
	coltracepb.UnimplementedTraceServiceServer
	r *Receiver
}

func (s *traceService) Export(ctx context.Context, req *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
	return &coltracepb.ExportTraceServiceResponse{}, keep(ctx, s.r, Traces, &s.r.traces, req)
}

type metricsService struct {
	colmetricspb.UnimplementedMetricsServiceServer
	r *Receiver
}

func (s *metricsService) Export(ctx context.Context, req *colmetricspb.ExportMetricsServiceRequest) (*colmetricspb.ExportMetricsServiceResponse, error) {
	return &colmetricspb.ExportMetricsServiceResponse{}, keep(ctx, s.r, Metrics, &s.r.metrics, req)
}

type logsService struct {
	collogspb.UnimplementedLogsServiceServer
	r *Receiver
}

func (s *logsService) Export(ctx context.Context, req *collogspb.ExportLogsServiceRequest) (*collogspb.ExportLogsServiceResponse, error) {
	return &collogspb.ExportLogsServiceResponse{}, keep(ctx, s.r, Logs, &s.r.logs, req)
}
