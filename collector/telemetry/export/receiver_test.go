package export

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"

	collogspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// receiver is a backend that takes OTLP by gRPC and by HTTP, on two ports.
type receiver struct {
	grpc, http string // addresses

	mu       sync.Mutex
	requests []request
	refusing bool
	away     bool          // answers as a proxy does whose backend is
	hanging  chan struct{} // nil, or requests wait for it
	release  func()
}

// request is one export, as it arrived.
type request struct {
	protocol string // as OTEL_EXPORTER_OTLP_PROTOCOL has it
	path     string // by HTTP
	version  int    // of HTTP
	headers  map[string]string
	gzip     bool
	message  proto.Message
}

func newReceiver(t *testing.T, config *tls.Config) *receiver {
	t.Helper()
	r := &receiver{}
	r.serve(t, config, listen(t), listen(t))
	return r
}

func (r *receiver) serve(t *testing.T, config *tls.Config, byGRPC, byHTTP net.Listener) {
	t.Helper()
	var options []grpc.ServerOption
	if config != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	server := grpc.NewServer(append(options, grpc.StatsHandler(compression{}))...)
	coltracepb.RegisterTraceServiceServer(server, tracesService{receiver: r})
	colmetricspb.RegisterMetricsServiceServer(server, metricsService{receiver: r})
	collogspb.RegisterLogsServiceServer(server, logsService{receiver: r})
	r.grpc = byGRPC.Addr().String()
	go server.Serve(byGRPC)
	t.Cleanup(server.Stop)

	web := &http.Server{Handler: r, ErrorLog: log.New(t.Output(), "", 0)}
	r.http = byHTTP.Addr().String()
	if err := http2.ConfigureServer(web, nil); err != nil { //nolint:staticcheck // in its place is what a test with the tags of the binary lacks
		t.Fatal(err)
	}
	if config != nil {
		byHTTP = tls.NewListener(byHTTP, config)
	}
	go web.Serve(byHTTP)
	t.Cleanup(func() { web.Close() })
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// take keeps a request, or refuses it.
func (r *receiver) take(q request) bool {
	r.mu.Lock()
	hanging := r.hanging
	defer r.mu.Unlock()
	if hanging != nil {
		r.mu.Unlock()
		<-hanging
		r.mu.Lock()
	}
	if !r.refusing && !r.away {
		r.requests = append(r.requests, q)
	}
	return !r.refusing && !r.away
}

func (r *receiver) leave(away bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.away = away
}

func (r *receiver) isAway() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.away
}

func (r *receiver) refuse(refusing bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusing = refusing
}

// hang lets requests wait until release, or until the test has ended.
func (r *receiver) hang(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	hanging := make(chan struct{})
	r.hanging, r.release = hanging, sync.OnceFunc(func() { close(hanging) })
	t.Cleanup(r.release)
}

func (r *receiver) got() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]request(nil), r.requests...)
}

// of are the requests of one signal, by the type of their message.
func of[M proto.Message](r *receiver) (messages []M) {
	for _, q := range r.got() {
		if m, ok := q.message.(M); ok {
			messages = append(messages, m)
		}
	}
	return messages
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	got := request{protocol: "http/protobuf", path: q.URL.Path, version: q.ProtoMajor, headers: make(map[string]string), gzip: q.Header.Get("Content-Encoding") == "gzip"}
	for name := range q.Header {
		got.headers[http.CanonicalHeaderKey(name)] = q.Header.Get(name)
	}
	switch q.URL.Path {
	case "/v1/traces", "/custom/traces":
		got.message = &coltracepb.ExportTraceServiceRequest{}
	case "/v1/logs", "/custom/logs":
		got.message = &collogspb.ExportLogsServiceRequest{}
	default:
		got.message = &colmetricspb.ExportMetricsServiceRequest{}
	}
	body := io.Reader(q.Body)
	if got.gzip {
		unzipped, err := gzip.NewReader(q.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unzipped
	}
	text, err := io.ReadAll(body)
	if err == nil {
		err = proto.Unmarshal(text, got.message)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch {
	case r.take(got):
	case r.isAway():
		http.Error(w, "away", http.StatusServiceUnavailable)
	default:
		http.Error(w, "no", http.StatusForbidden)
	}
}

func (r *receiver) call(ctx context.Context, message proto.Message) error {
	got := request{protocol: "grpc", headers: make(map[string]string), message: message}
	in, _ := metadata.FromIncomingContext(ctx)
	for name, values := range in {
		got.headers[http.CanonicalHeaderKey(name)] = values[0]
	}
	got.gzip = *ctx.Value(compression{}).(*string) == "gzip"
	switch {
	case r.take(got):
		return nil
	case r.isAway():
		return status.Error(codes.Unavailable, "away")
	}
	return status.Error(codes.PermissionDenied, "no")
}

// compression sees how a call was compressed, which gRPC tells no service.
type compression struct{}

func (c compression) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, c, new(string))
}

func (c compression) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if in, ok := s.(*stats.InHeader); ok {
		*ctx.Value(c).(*string) = in.Compression
	}
}

func (compression) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (compression) HandleConn(context.Context, stats.ConnStats)                       {}

type tracesService struct {
	coltracepb.UnimplementedTraceServiceServer
	*receiver
}

func (s tracesService) Export(ctx context.Context, q *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
	return &coltracepb.ExportTraceServiceResponse{}, s.call(ctx, q)
}

type metricsService struct {
	colmetricspb.UnimplementedMetricsServiceServer
	*receiver
}

func (s metricsService) Export(ctx context.Context, q *colmetricspb.ExportMetricsServiceRequest) (*colmetricspb.ExportMetricsServiceResponse, error) {
	return &colmetricspb.ExportMetricsServiceResponse{}, s.call(ctx, q)
}

type logsService struct {
	collogspb.UnimplementedLogsServiceServer
	*receiver
}

func (s logsService) Export(ctx context.Context, q *collogspb.ExportLogsServiceRequest) (*collogspb.ExportLogsServiceResponse, error) {
	return &collogspb.ExportLogsServiceResponse{}, s.call(ctx, q)
}
