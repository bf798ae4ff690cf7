package export

import (
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func freePort(t *testing.T) string {
	t.Helper()
	l := listen(t)
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// fetch scrapes, and returns what came with its content type.
func fetch(t *testing.T, address, accept string) (body, contentType string) {
	t.Helper()
	q, err := http.NewRequest(http.MethodGet, "http://"+address+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Accept", accept)
	answer, err := http.DefaultClient.Do(q)
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

func TestScrape(t *testing.T) {
	r, port := newReceiver(t, nil), freePort(t)
	setUp(t, "OTEL_METRICS_EXPORTER=prometheus", "OTEL_EXPORTER_PROMETHEUS_HOST=127.0.0.1", "OTEL_EXPORTER_PROMETHEUS_PORT="+port,
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://"+r.grpc).flush(t)
	body, contentType := fetch(t, "127.0.0.1:"+port, "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
	if !strings.HasPrefix(contentType, "application/openmetrics-text") {
		t.Errorf("content type %s, want OpenMetrics", contentType)
	}
	trace := r.exported().spans[0]
	for _, want := range []string{"things_bytes_total{", "time_seconds_bucket{", `target_info{k8s_node_name="n1"`, "# {", hex.EncodeToString(trace.GetTraceId())} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	if body, contentType = fetch(t, "127.0.0.1:"+port, ""); !strings.HasPrefix(contentType, "text/plain") || strings.Contains(body, "# {") {
		t.Errorf("to one who does not know OpenMetrics: %s\n%s", contentType, body)
	}
}

func TestPortIsTaken(t *testing.T) {
	taken := listen(t)
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	environment(t, "OTEL_METRICS_EXPORTER=prometheus", "OTEL_EXPORTER_PROMETHEUS_HOST=127.0.0.1", "OTEL_EXPORTER_PROMETHEUS_PORT="+port)
	_, err := New(t.Context(), Config{Log: discard})
	if err == nil || !strings.Contains(err.Error(), "OTEL_EXPORTER_PROMETHEUS_PORT") || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v, want one that names the variables", err)
	}
}

// The port is free again after Shutdown.
func TestScrapeEnds(t *testing.T) {
	port := freePort(t)
	for range 2 {
		sdk := setUp(t, "OTEL_METRICS_EXPORTER=prometheus", "OTEL_TRACES_EXPORTER=none", "OTEL_EXPORTER_PROMETHEUS_PORT="+port)
		if err := sdk.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
