package export

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"golang.org/x/net/http2"
	"google.golang.org/grpc"
)

// The exporters read the variables of OTLP themselves. What is given to them
// here is what they lack. An endpoint that is not set they take for one with TLS;
// these are the standard's.
const (
	grpcEndpoint = "http://localhost:4317"
	httpEndpoint = "http://localhost:4318"
)

// retry is how often an export is tried within its timeout. The packages wait for 5 s after
// the first try and for longer each time, so that a receiver that is away for a moment, as one
// that is restarted, costs the spans that were to go there.
var retry = struct {
	Enabled                                      bool
	InitialInterval, MaxInterval, MaxElapsedTime time.Duration
}{true, time.Second, 2 * time.Second, time.Minute}

func (c *Config) otlpMetrics(ctx context.Context) (sdkmetric.Exporter, error) {
	s := otlp{"METRICS"}
	if s.protocol() == "grpc" {
		options := []otlpmetricgrpc.Option{otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig(retry))}
		if !s.endpointSet() {
			options = append(options, otlpmetricgrpc.WithEndpointURL(grpcEndpoint))
		}
		if c.MetricsGRPC != nil {
			options = append(options, otlpmetricgrpc.WithDialOption(grpc.WithChainUnaryInterceptor(c.MetricsGRPC)))
		}
		return otlpmetricgrpc.New(ctx, options...)
	}
	options := []otlpmetrichttp.Option{otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig(retry))}
	if !s.endpointSet() {
		options = append(options, otlpmetrichttp.WithEndpointURL(httpEndpoint+"/v1/metrics"))
	}
	client, err := s.httpClient(c.MetricsHTTP)
	if err != nil {
		return nil, err
	}
	return otlpmetrichttp.New(ctx, append(options, otlpmetrichttp.WithHTTPClient(client))...)
}

func otlpTraces(ctx context.Context) (sdktrace.SpanExporter, error) {
	s := otlp{"TRACES"}
	if s.protocol() == "grpc" {
		options := []otlptracegrpc.Option{otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig(retry))}
		if !s.endpointSet() {
			options = append(options, otlptracegrpc.WithEndpointURL(grpcEndpoint))
		}
		return otlptracegrpc.New(ctx, options...)
	}
	options := []otlptracehttp.Option{otlptracehttp.WithRetry(otlptracehttp.RetryConfig(retry))}
	if !s.endpointSet() {
		options = append(options, otlptracehttp.WithEndpointURL(httpEndpoint+"/v1/traces"))
	}
	client, err := s.httpClient(nil)
	if err != nil {
		return nil, err
	}
	return otlptracehttp.New(ctx, append(options, otlptracehttp.WithHTTPClient(client))...)
}

func otlpLogs(ctx context.Context) (sdklog.Exporter, error) {
	s := otlp{"LOGS"}
	if s.protocol() == "grpc" {
		options := []otlploggrpc.Option{otlploggrpc.WithRetry(otlploggrpc.RetryConfig(retry))}
		if !s.endpointSet() {
			options = append(options, otlploggrpc.WithEndpointURL(grpcEndpoint))
		}
		return otlploggrpc.New(ctx, options...)
	}
	options := []otlploghttp.Option{otlploghttp.WithRetry(otlploghttp.RetryConfig(retry))}
	if !s.endpointSet() {
		options = append(options, otlploghttp.WithEndpointURL(httpEndpoint+"/v1/logs"))
	}
	client, err := s.httpClient(nil)
	if err != nil {
		return nil, err
	}
	return otlploghttp.New(ctx, append(options, otlploghttp.WithHTTPClient(client))...)
}

// otlp is the variables of OTLP for one signal: METRICS, TRACES or LOGS.
type otlp struct{ signal string }

// get returns what is set for the signal or else for all of them, and the name
// of that variable; both are empty where nothing is set.
func (o otlp) get(setting string) (value, name string) {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_" + o.signal + "_" + setting, "OTEL_EXPORTER_OTLP_" + setting} {
		if value := os.Getenv(name); value != "" {
			return value, name
		}
	}
	return "", ""
}

func (o otlp) protocol() string {
	value, _ := o.get("PROTOCOL")
	return cmp.Or(value, "grpc")
}

func (o otlp) endpointSet() bool {
	value, _ := o.get("ENDPOINT")
	return value != ""
}

// check finds what contradicts itself: that the packages obey the one or the
// other variable depends on the protocol and the signal.
func (o otlp) check() error {
	url, name := o.get("ENDPOINT")
	plain := !strings.HasPrefix(strings.ToLower(url), "https://")
	if url == "" {
		name = "OTEL_EXPORTER_OTLP_ENDPOINT"
	}
	if value, insecure := o.get("INSECURE"); value != "" && strings.EqualFold(value, "true") != plain {
		return fmt.Errorf("%s must be what %s says: true for http://, which is the default, false for https://", insecure, name)
	}
	for _, setting := range []string{"CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"} {
		if value, file := o.get(setting); value != "" && plain {
			return fmt.Errorf("%s is set, so %s must be a URL that begins with https://", file, name)
		}
	}
	_, err := o.tls()
	return err
}

// httpClient is the client that the exporter would make, with HTTP/2 by x/net, as
// client-go has it: the binary lacks the copy of it in net/http. Its transport is
// wrapped, unless wrap is nil.
func (o otlp) httpClient(wrap func(http.RoundTripper) http.RoundTripper) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	var err error
	if transport.TLSClientConfig, err = o.tls(); err != nil {
		return nil, err
	}
	if err := http2.ConfigureTransport(transport); err != nil { //nolint:staticcheck // in its place is what the binary lacks
		return nil, err
	}
	client := &http.Client{Transport: transport, Timeout: o.timeout()}
	if wrap != nil {
		client.Transport = wrap(transport)
	}
	return client, nil
}

// timeout is that of one export, with all its tries.
func (o otlp) timeout() time.Duration {
	value, _ := o.get("TIMEOUT")
	if timeout, err := milliseconds(value); err == nil {
		return timeout
	}
	return 10 * time.Second
}
