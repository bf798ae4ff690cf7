package export

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/sdk/resource"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
)

// example is the configuration that docs/settings.md shows.
func example(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(text)
	if found == nil {
		t.Fatal("the document shows no configuration")
	}
	return string(found[1])
}

func config(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "otel.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "OTEL_CONFIG_FILE=" + file
}

// The example does what the document says of it.
func TestExampleOfAConfigurationFile(t *testing.T) {
	r := newReceiver(t, nil)
	t.Setenv("TENANT_TOKEN", "secret")
	text := strings.ReplaceAll(example(t), "otel-collector.observability:4317", r.grpc)
	sdk := setUp(t, config(t, text), "OTEL_RESOURCE_ATTRIBUTES=team=x")
	const times = 300 // a tenth of them is sampled
	sdk.emit(t, times)
	sdk.flush(t)
	e := r.exported()
	if len(e.metrics) != 3 || len(e.spans) == 0 || len(e.spans) > times/2 || len(e.records) != times+1 {
		t.Fatalf("exported %d metrics, %d spans, %d log records", len(e.metrics), len(e.spans), len(e.records))
	}
	if e.metrics["time"].GetExponentialHistogram() == nil || e.temporality("things") != metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE {
		t.Errorf("metrics %v", e.metrics)
	}
	// The file's own, the user's and ours; where they meet, the user's.
	for name, want := range map[string]string{"k8s.cluster.name": "prod", "team": "x", "service.name": "pulltrace", "k8s.node.name": "n1"} {
		if e.resource[name] != want {
			t.Errorf("%s is %q, want %q", name, e.resource[name], want)
		}
	}
	for _, q := range r.got() {
		if q.headers["Authorization"] != "Bearer secret" || !q.gzip {
			t.Errorf("%T: headers %v, gzip %v", q.message, q.headers, q.gzip)
		}
	}
}

func TestConfigurationFile(t *testing.T) {
	reader := func(more string) string {
		return "file_format: '1.0'\n" + more + "meter_provider: {readers: [{periodic: {exporter: {console: {}}}}]}\n"
	}
	if out := printed(t, func() {
		sdk := setUp(t, config(t, reader("resource: {attributes: [{name: service.name, value: mine}]}\n")), "OTEL_SERVICE_NAME=theirs")
		sdk.flush(t)
	}); !strings.Contains(out, `"mine"`) || strings.Contains(out, `"pulltrace"`) || strings.Contains(out, `"theirs"`) || !strings.Contains(out, `"n1"`) {
		t.Errorf("the file's own attribute does not win: %s", out)
	}
	for more, quiet := range map[string][]string{
		reader("disabled: true\n"): nil,
		reader(""):                 {"OTEL_SDK_DISABLED=true"},
	} {
		if out := printed(t, func() { setUp(t, append(quiet, config(t, more))...).flush(t) }); out != "" {
			t.Errorf("%s %v: exported %s", more, quiet, out)
		}
	}
	// What the file leaves out does nothing, and is there.
	sdk := setUp(t, config(t, "file_format: '1.0'\n"))
	sdk.flush(t)
	if _, span := sdk.Tracers.Tracer("test").Start(t.Context(), "x"); span.SpanContext().IsSampled() {
		t.Error("sampled, though no traces are exported")
	}
	for wrong, want := range map[string]string{
		"resource: {attributes_list: 'a=b'}": "resource.attributes_list",
		"meter_provider: {readers: [{periodic: {exporter: {otlp_grpc: {endpoint: 'http://x:1', compression: lzma}}}}]}": "lzma",
		"meter_provider: {readers: [{pull: {exporter: {}}}]}":                                                           "exporter",
	} {
		environment(t, config(t, "file_format: '1.0'\n"+wrong+"\n"))
		_, err := New(t.Context(), Config{Log: discard, Resource: resource.Empty()})
		if err == nil || !strings.Contains(err.Error(), "OTEL_CONFIG_FILE") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want one that names the variable and %s", wrong, err, want)
		}
	}
}

func TestConfigurationFileOverTLS(t *testing.T) {
	ca := newAuthority(t)
	r := newReceiver(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, &x509.Certificate{})}, NextProtos: []string{"h2", "http/1.1"}})
	exporter := func(kind, address string) string {
		return "{" + kind + ": {endpoint: 'https://" + address + "', tls: {ca_file: " + ca.file + "}}}"
	}
	setUp(t, config(t, "file_format: '1.0'\n"+
		"meter_provider: {readers: [{periodic: {exporter: "+exporter("otlp_http", r.http+"/v1/metrics")+"}}]}\n"+
		"tracer_provider: {processors: [{batch: {exporter: "+exporter("otlp_http", r.http+"/v1/traces")+"}}]}\n"+
		"logger_provider: {processors: [{batch: {exporter: "+exporter("otlp_grpc", r.grpc)+"}}]}\n",
	)).flush(t)
	got := map[string]int{}
	for _, q := range r.got() {
		got[q.protocol]++
	}
	if got["http/protobuf"] != 2 || got["grpc"] != 1 {
		t.Errorf("requests %v, want metrics and traces by HTTP and logs by gRPC", got)
	}
}

// What the file leaves out is as the variables say, but not what is sampled.
func TestVariablesBesideAConfigurationFile(t *testing.T) {
	r := newReceiver(t, nil)
	t.Setenv("BACKEND", "http://"+r.grpc)
	setUp(t, config(t, "file_format: '1.0'\ntracer_provider:\n  processors:\n  - batch:\n      exporter:\n        otlp_grpc:\n          endpoint: ${BACKEND}\n"),
		"OTEL_EXPORTER_OTLP_HEADERS=tenant=a", "OTEL_BSP_SCHEDULE_DELAY=50", "OTEL_TRACES_SAMPLER=always_off", "OTEL_TRACES_EXPORTER=none")
	eventually(t, "a span", func() bool { return len(r.exported().spans) == 1 })
	if got := r.got()[0].headers["Tenant"]; got != "a" {
		t.Errorf("header is %q", got)
	}
}

// The interval is ours, where the file has none.
func TestIntervalOfAConfigurationFile(t *testing.T) {
	for setting, want := range map[string]int{"": 1, ", interval: 3000": 3} {
		file := config(t, "file_format: '1.0'\nmeter_provider: {readers: [{periodic: {exporter: {console: {}}"+setting+"}}]}\n")
		environment(t, file)
		synctest.Test(t, func(t *testing.T) {
			out := printed(t, func() {
				setUp(t, file)
				time.Sleep(11 * time.Second)
				synctest.Wait()
			})
			if n := strings.Count(out, `"things"`); n != want {
				t.Errorf("%q: %d exports in 11 s, want %d", setting, n, want)
			}
		})
	}
}
