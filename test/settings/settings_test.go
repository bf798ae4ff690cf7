// Package settings runs the pulltrace binary with settings of the export, good
// and wrong ones, and looks at what it says, what it answers and how it ends.
// No containerd is there: that none answers is telemetry, too.
package settings

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/pulltrace"
)

// process is a running pulltrace and what it writes.
type process struct {
	cmd    *exec.Cmd
	exited chan error

	mu  sync.Mutex
	log bytes.Buffer
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *process) wrote() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

func start(t *testing.T, env ...string) *process {
	t.Helper()
	binary, err := pulltrace.Build()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(binary, "--containerd-address="+filepath.Join(t.TempDir(), "none.sock"), "--health-address="), exited: make(chan error, 1)}
	p.cmd.Env, p.cmd.Stderr, p.cmd.Stdout = env, p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.exited <- p.cmd.Wait() }()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		if t.Failed() {
			t.Logf("with %v pulltrace wrote:\n%s", env, p.wrote())
		}
	})
	return p
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

func TestWrongSettingEndsItAtTheStart(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	garbage := filepath.Join(t.TempDir(), "garbage")
	if err := os.WriteFile(garbage, []byte("no: [yaml\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, env := range map[string][]string{
		`OTEL_EXPORTER_OTLP_PROTOCOL must be grpc or http/protobuf, not "http"`:                                         {"OTEL_EXPORTER_OTLP_PROTOCOL=http"},
		`OTEL_METRIC_EXPORT_INTERVAL must be a number of milliseconds above 0, not "10s"`:                               {"OTEL_METRIC_EXPORT_INTERVAL=10s"},
		`OTEL_EXPORTER_OTLP_CERTIFICATE must be a file with a certificate in PEM form`:                                  {"OTEL_EXPORTER_OTLP_CERTIFICATE=" + garbage, "OTEL_EXPORTER_OTLP_ENDPOINT=https://localhost:4317"},
		`OTEL_CONFIG_FILE must be a file of OpenTelemetry's declarative configuration`:                                  {"OTEL_CONFIG_FILE=" + garbage},
		`OTEL_EXPORTER_PROMETHEUS_PORT must be an address that is free`:                                                 {"OTEL_METRICS_EXPORTER=prometheus", "OTEL_EXPORTER_PROMETHEUS_HOST=127.0.0.1", "OTEL_EXPORTER_PROMETHEUS_PORT=" + port},
		`OTEL_METRICS_EXPORTER must be otlp, prometheus, console or none, or a list like otlp,prometheus, not "statsd"`: {"OTEL_METRICS_EXPORTER=statsd"},
	} {
		p := start(t, env...)
		select {
		case err := <-p.exited:
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.HasPrefix(p.wrote(), "pulltrace: ") && !strings.Contains(p.wrote(), "\npulltrace: ") || !strings.Contains(p.wrote(), want) {
				t.Errorf("%v: ended with %v, wrote %q; want exit code 1 and %q", env, err, p.wrote(), want)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%v: still runs after 10 s", env)
		}
	}
}

// Metrics are refused for a while: by scrape one sees them counted, in the log
// each change once.
func TestRefusedExports(t *testing.T) {
	t.Parallel()
	receiver, err := otlp.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.Close()
	receiver.Refuse(codes.PermissionDenied)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	_, port, _ := net.SplitHostPort(address)
	p := start(t, "OTEL_METRICS_EXPORTER=otlp,prometheus", "OTEL_EXPORTER_OTLP_ENDPOINT="+receiver.Endpoint(), "OTEL_METRIC_EXPORT_INTERVAL=100",
		"OTEL_EXPORTER_PROMETHEUS_HOST=127.0.0.1", "OTEL_EXPORTER_PROMETHEUS_PORT="+port)
	eventually(t, "five refused exports", func() bool { return receiver.Refused() >= 5 })

	body, contentType := scrape(t, address)
	if !strings.HasPrefix(contentType, "application/openmetrics-text") {
		t.Errorf("answered in %s", contentType)
	}
	for _, want := range []string{
		"# TYPE pulltrace_source_up gauge", "# TYPE pulltrace_export_errors counter", `target_info{`,
		`pulltrace_export_signal="traces"} 0.0`, `pulltrace_export_signal="metrics"} `,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	if strings.Contains(body, `pulltrace_export_signal="metrics"} 0.0`) {
		t.Errorf("refused exports of metrics are not counted:\n%s", body)
	}

	receiver.Refuse(codes.OK)
	eventually(t, "exports that work", func() bool { return len(receiver.Metrics()) >= 3 })
	p.cmd.Process.Signal(syscall.SIGTERM)
	if err := <-p.exited; err != nil {
		t.Errorf("ended with %v", err)
	}
	for _, line := range []string{`msg="export failed" signal=metrics exporter=otlp`, `msg="exports work again" signal=metrics exporter=otlp`} {
		if n := strings.Count(p.wrote(), line); n != 1 {
			t.Errorf("%d lines with %s, want 1", n, line)
		}
	}
}

// A configuration file leads to a receiver, and what it does not say of the
// resource is ours.
func TestConfigurationFile(t *testing.T) {
	t.Parallel()
	receiver, err := otlp.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.Close()
	file := filepath.Join(t.TempDir(), "otel.yaml")
	text := `file_format: "1.0"
meter_provider:
  readers:
    - periodic:
        interval: 200
        exporter:
          otlp_grpc:
            endpoint: ${BACKEND}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, "OTEL_CONFIG_FILE="+file, "BACKEND="+receiver.Endpoint(), "OTEL_RESOURCE_ATTRIBUTES=k8s.cluster.name=prod", "K8S_NODE_NAME=n1")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := receiver.Wait(ctx, "metrics", func() bool { return len(receiver.Points("pulltrace.source.up")) > 0 }); err != nil {
		t.Fatal(err)
	}
	got := receiver.Points("pulltrace.source.up")[0].Resource
	for name, want := range map[string]any{"service.name": "pulltrace", "k8s.node.name": "n1", "k8s.cluster.name": "prod"} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}

// scrape asks as Prometheus does.
func scrape(t *testing.T, address string) (body, contentType string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+address+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), answer.Header.Get("Content-Type")
}
