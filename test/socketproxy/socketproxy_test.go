package socketproxy_test

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/pulltrace/pulltrace/test/socketproxy"
)

func TestCallsPassUnchangedAndAreRecorded(t *testing.T) {
	server, client, proxy := chain(t)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")

	server.SetServingStatus("db", healthpb.HealthCheckResponse_NOT_SERVING)
	resp, err := client.Check(ctx, &healthpb.HealthCheckRequest{Service: "db"})
	if err != nil || resp.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("a unary call gave %v, %v", resp, err)
	}
	_, err = client.Check(ctx, &healthpb.HealthCheckRequest{Service: "nobody knows"})
	if status.Code(err) != codes.NotFound {
		t.Errorf("a failing call gave %v, want NotFound", err)
	}
	watch, err := client.Watch(ctx, &healthpb.HealthCheckRequest{Service: "db"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []healthpb.HealthCheckResponse_ServingStatus{healthpb.HealthCheckResponse_NOT_SERVING, healthpb.HealthCheckResponse_SERVING} {
		resp, err := watch.Recv()
		if err != nil || resp.GetStatus() != want {
			t.Fatalf("the stream gave %v, %v, want %v", resp, err, want)
		}
		server.SetServingStatus("db", healthpb.HealthCheckResponse_SERVING)
	}

	var methods []string
	for _, call := range proxy.Calls() {
		methods = append(methods, call.Method)
		if got := call.Metadata.Get("traceparent"); len(got) != 1 || got[0] != "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00" {
			t.Errorf("%s came with traceparent %v", call.Method, got)
		}
	}
	want := []string{"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"}
	if diff := cmp.Diff(want, methods); diff != "" {
		t.Errorf("methods recorded (-want +got):\n%s", diff)
	}
}

// chain is a health server, a proxy in front of it, and a client of the proxy.
func chain(t *testing.T) (*health.Server, healthpb.HealthClient, *socketproxy.Proxy) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server, service := grpc.NewServer(), health.NewServer()
	healthpb.RegisterHealthServer(server, service)
	go server.Serve(l)
	t.Cleanup(server.Stop)

	proxy, err := socketproxy.Start(socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { proxy.Close() })
	conn, err := grpc.NewClient("unix://"+proxy.Socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return service, healthpb.NewHealthClient(conn), proxy
}

func TestFaultsOfAMethod(t *testing.T) {
	_, client, proxy := chain(t)
	const method = "/grpc.health.v1.Health/Watch"
	proxy.Delay(method, 300*time.Millisecond)
	began := time.Now()
	watch, err := client.Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil || time.Since(began) < 300*time.Millisecond {
		t.Errorf("a delayed message came after %s: %v", time.Since(began), err)
	}
	proxy.Cut(method)
	if _, err := watch.Recv(); err == nil {
		t.Error("a call that was cut goes on")
	}
	if watch, err = client.Watch(t.Context(), &healthpb.HealthCheckRequest{}); err == nil {
		_, err = watch.Recv()
	}
	if status.Code(err) != codes.Unavailable {
		t.Errorf("a method that is cut gave %v, want Unavailable", err)
	}
	if _, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
		t.Errorf("another method gave %v", err)
	}
	proxy.Refuse(method, codes.Internal)
	if watch, err = client.Watch(t.Context(), &healthpb.HealthCheckRequest{}); err == nil {
		_, err = watch.Recv()
	}
	if status.Code(err) != codes.Internal {
		t.Errorf("a method that is refused gave %v, want Internal", err)
	}
	proxy.Mend(method)
	if watch, err = client.Watch(t.Context(), &healthpb.HealthCheckRequest{}); err == nil {
		_, err = watch.Recv()
	}
	if err != nil {
		t.Errorf("a mended method gave %v", err)
	}
}

// A method that is refused in one namespace passes in another, and elsewhere.
func TestRefusalInOneNamespace(t *testing.T) {
	_, client, proxy := chain(t)
	const method = "/grpc.health.v1.Health/Check"
	check := func(namespace string) (codes.Code, time.Duration) {
		began := time.Now()
		ctx := metadata.AppendToOutgoingContext(t.Context(), "containerd-namespace", namespace)
		_, err := client.Check(ctx, &healthpb.HealthCheckRequest{})
		return status.Code(err), time.Since(began)
	}
	const after = 200 * time.Millisecond
	proxy.RefuseIn("one", method, codes.DeadlineExceeded, after)
	if code, took := check("one"); code != codes.DeadlineExceeded || took < after {
		t.Errorf("in the namespace: %s after %s, want DeadlineExceeded after %s", code, took, after)
	}
	if code, took := check("other"); code != codes.OK || took >= after {
		t.Errorf("in another namespace: %s after %s", code, took)
	}
	if _, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
		t.Errorf("without a namespace: %v", err)
	}
	proxy.Mend(method)
	if code, took := check("one"); code != codes.OK || took >= after {
		t.Errorf("mended: %s after %s", code, took)
	}
}

func TestRewrittenAnswer(t *testing.T) {
	_, client, proxy := chain(t)
	const method = "/grpc.health.v1.Health/Check"
	proxy.Rewrite(method, func(message []byte) []byte {
		var resp healthpb.HealthCheckResponse
		if err := proto.Unmarshal(message, &resp); err != nil {
			t.Error(err)
		}
		if resp.GetStatus() != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("the answer to be changed is %v", &resp)
		}
		resp.Status = healthpb.HealthCheckResponse_SERVICE_UNKNOWN
		out, err := proto.Marshal(&resp)
		if err != nil {
			t.Error(err)
		}
		return out
	})
	for _, want := range []healthpb.HealthCheckResponse_ServingStatus{healthpb.HealthCheckResponse_SERVICE_UNKNOWN, healthpb.HealthCheckResponse_SERVING} {
		resp, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{})
		if err != nil || resp.GetStatus() != want {
			t.Errorf("the answer is %v, %v, want %v", resp, err, want)
		}
		proxy.Mend(method)
	}
}
