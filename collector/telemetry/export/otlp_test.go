package export

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
)

// protocols are both, with the variables that lead to a receiver.
var protocols = map[string]func(r *receiver, scheme string) []string{
	"grpc": func(r *receiver, scheme string) []string {
		return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + scheme + "://" + r.grpc, "OTEL_LOGS_EXPORTER=otlp"}
	},
	"http/protobuf": func(r *receiver, scheme string) []string {
		return []string{"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT=" + scheme + "://" + r.http, "OTEL_LOGS_EXPORTER=otlp"}
	},
}

// whole makes sure that all three signals arrived, by the one protocol.
func (r *receiver) whole(t *testing.T, protocol string) {
	t.Helper()
	got := r.got()
	if len(got) != 3 {
		t.Fatalf("%d requests, want one of each signal", len(got))
	}
	for _, q := range got {
		if q.protocol != protocol {
			t.Errorf("a request came by %s, want %s", q.protocol, protocol)
		}
	}
}

func TestEachProtocol(t *testing.T) {
	for protocol, variables := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := newReceiver(t, nil)
			setUp(t, variables(r, "http")...).flush(t)
			r.whole(t, protocol)
		})
	}
}

// A receiver that is away for some seconds costs nothing.
func TestReceiverAwayForAMoment(t *testing.T) {
	for protocol, variables := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := newReceiver(t, nil)
			sdk := setUp(t, variables(r, "http")...)
			r.leave(true)
			time.AfterFunc(6500*time.Millisecond, func() { r.leave(false) })
			sdk.flush(t)
			r.whole(t, protocol)
		})
	}
}

// What is set for a signal wins: here each has a protocol, a place and a header
// of its own.
func TestEachSignalHasVariablesOfItsOwn(t *testing.T) {
	all, metrics, traces, logs := newReceiver(t, nil), newReceiver(t, nil), newReceiver(t, nil), newReceiver(t, nil)
	setUp(t,
		"OTEL_LOGS_EXPORTER=otlp",
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://"+all.grpc, "OTEL_EXPORTER_OTLP_HEADERS=for=all", "OTEL_EXPORTER_OTLP_COMPRESSION=gzip",
		"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=http/protobuf", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://"+metrics.http+"/custom/metrics",
		"OTEL_EXPORTER_OTLP_METRICS_HEADERS=for=metrics",
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://"+traces.grpc,
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS=for=traces", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION=none",
		"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=http/protobuf", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://"+logs.http+"/custom/logs",
		"OTEL_EXPORTER_OTLP_LOGS_HEADERS=for=logs",
	).flush(t)
	if got := all.got(); len(got) != 0 {
		t.Errorf("%d requests to the endpoint for all signals, want none", len(got))
	}
	for signal, want := range map[*receiver]request{
		metrics: {protocol: "http/protobuf", path: "/custom/metrics", gzip: true, headers: map[string]string{"For": "metrics"}},
		traces:  {protocol: "grpc", headers: map[string]string{"For": "traces"}},
		logs:    {protocol: "http/protobuf", path: "/custom/logs", gzip: true, headers: map[string]string{"For": "logs"}},
	} {
		got := signal.got()
		if len(got) != 1 || got[0].protocol != want.protocol || got[0].path != want.path || got[0].gzip != want.gzip || got[0].headers["For"] != want.headers["For"] {
			t.Errorf("got %+v, want one like %+v", got, want)
		}
	}
}

func TestHeadersAndCompression(t *testing.T) {
	for protocol, variables := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := newReceiver(t, nil)
			setUp(t, append(variables(r, "http"), "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20x,tenant=a", "OTEL_EXPORTER_OTLP_COMPRESSION=gzip")...).flush(t)
			r.whole(t, protocol)
			for _, q := range r.got() {
				if !q.gzip || q.headers["Authorization"] != "Bearer x" || q.headers["Tenant"] != "a" {
					t.Errorf("%T: gzip %v, headers %v", q.message, q.gzip, q.headers)
				}
			}
		})
	}
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	for protocol, variables := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := newReceiver(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, &x509.Certificate{})}, NextProtos: []string{"h2", "http/1.1"}})
			setUp(t, append(variables(r, "https"), "OTEL_EXPORTER_OTLP_CERTIFICATE="+ca.file)...).flush(t)
			r.whole(t, protocol)
			for _, q := range r.got() {
				if protocol == "http/protobuf" && q.version != 2 {
					t.Errorf("%T came by HTTP/%d, want HTTP/2", q.message, q.version)
				}
			}

			// Without the file the certificate is nobody's.
			sdk := setUp(t, append(variables(r, "https"), "OTEL_EXPORTER_OTLP_TIMEOUT=300")...)
			if err := sdk.Flush(t.Context()); err == nil || len(r.got()) != 3 {
				t.Errorf("without CA: error %v, %d requests; want an error and no more than the 3 before", err, len(r.got()))
			}
		})
	}
}

func TestMutualTLS(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.client(t)
	for protocol, variables := range protocols {
		for _, prefixes := range [][]string{{""}, {"METRICS_", "TRACES_", "LOGS_"}} {
			t.Run(protocol+strings.Join(prefixes, ""), func(t *testing.T) {
				r := newReceiver(t, &tls.Config{
					Certificates: []tls.Certificate{ca.issue(t, &x509.Certificate{})}, NextProtos: []string{"h2", "http/1.1"},
					ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool,
				})
				env := append(variables(r, "https"), "OTEL_EXPORTER_OTLP_INSECURE=false")
				for _, p := range prefixes {
					env = append(env, "OTEL_EXPORTER_OTLP_"+p+"CERTIFICATE="+ca.file,
						"OTEL_EXPORTER_OTLP_"+p+"CLIENT_CERTIFICATE="+cert, "OTEL_EXPORTER_OTLP_"+p+"CLIENT_KEY="+key)
				}
				setUp(t, env...).flush(t)
				r.whole(t, protocol)

				sdk := setUp(t, append(variables(r, "https"), "OTEL_EXPORTER_OTLP_CERTIFICATE="+ca.file, "OTEL_EXPORTER_OTLP_TIMEOUT=300")...)
				if err := sdk.Flush(t.Context()); err == nil || len(r.got()) != 3 {
					t.Errorf("without a client's certificate: error %v, %d requests; want an error and no more than the 3 before", err, len(r.got()))
				}
			})
		}
	}
}

// A hook of metrics sees what leaves by OTLP, with TLS and timeout as without it.
func TestMetricRequestsAreSeen(t *testing.T) {
	ca := newAuthority(t)
	for protocol, variables := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := newReceiver(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, &x509.Certificate{})}, NextProtos: []string{"h2", "http/1.1"}})
			var seen []string
			hooks := Config{
				MetricsGRPC: func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
					seen = append(seen, "grpc")
					return invoke(ctx, method, req, reply, cc, opts...)
				},
				MetricsHTTP: func(next http.RoundTripper) http.RoundTripper {
					return roundTripper(func(q *http.Request) (*http.Response, error) {
						seen = append(seen, "http/protobuf")
						return next.RoundTrip(q)
					})
				},
			}
			env := append(variables(r, "https"), "OTEL_EXPORTER_OTLP_CERTIFICATE="+ca.file, "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT=500")
			sdk := setUpWith(t, hooks, env...)
			sdk.flush(t)
			r.whole(t, protocol)
			if !slices.Equal(seen, []string{protocol}) {
				t.Errorf("seen %v, want the one request of metrics", seen)
			}
			r.hang(t)
			began := time.Now()
			if err := sdk.Flush(t.Context()); err == nil || time.Since(began) > 3*time.Second {
				t.Errorf("from a backend that hangs: %v after %s, want an error after 500 ms", err, time.Since(began))
			}
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(q *http.Request) (*http.Response, error) { return f(q) }

// A backend that hangs holds each export up for so long and no longer.
func TestTimeouts(t *testing.T) {
	for protocol, variables := range protocols {
		for _, variable := range []string{
			"OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "OTEL_METRIC_EXPORT_TIMEOUT",
			"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_BSP_EXPORT_TIMEOUT", "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "OTEL_BLRP_EXPORT_TIMEOUT",
		} {
			t.Run(protocol+" "+variable, func(t *testing.T) {
				r := newReceiver(t, nil)
				r.hang(t)
				sdk := setUp(t, append(variables(r, "http"), variable+"=200")...)
				began := time.Now()
				flush := sdk.Meters.ForceFlush
				switch {
				case strings.Contains(variable, "TRACES"), strings.Contains(variable, "BSP"):
					flush = sdk.Tracers.ForceFlush
				case strings.Contains(variable, "LOGS"), strings.Contains(variable, "BLRP"):
					flush = sdk.Loggers.ForceFlush
				}
				err := flush(t.Context())
				if took := time.Since(began); err == nil || took < 150*time.Millisecond || took > 5*time.Second {
					t.Errorf("error %v after %s, want one after 200 ms", err, took)
				}
			})
		}
	}
}
