package examples

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/peers/collector"
	"github.com/pulltrace/pulltrace/test/peers/internal/server"
	"github.com/pulltrace/pulltrace/test/peers/prometheus"
	"github.com/pulltrace/pulltrace/test/pulltrace"
	"github.com/pulltrace/pulltrace/test/registry"
)

const (
	size = 16_000_000 // bytes
	rate = 2_000_000  // bytes a second

	// soon is how long a sample may be on its way. What is not closed is shown for
	// five minutes.
	soon = 10 * time.Second
)

// chain is a node with a Pulltrace, and what is behind it: an agent, a gateway, a
// Prometheus, and a receiver in the place of Tempo.
type chain struct {
	*testing.T
	registry   *registry.Registry
	cri        *cri.Client
	prometheus *prometheus.Server
	tempo      *otlp.Receiver
}

// What a Pulltrace tells arrives behind agent and gateway, by their configurations as they
// are: what the registry has served, the trace of the pull, the exemplar that leads there;
// and a pull that is over is over there as well.
func TestAgentAndGateway(t *testing.T) {
	c := newChain(t)
	layers, err := registry.NewLayers(size)
	if err != nil {
		t.Fatal(err)
	}
	img, err := c.registry.Push("team/app:1", layers)
	if err != nil {
		t.Fatal(err)
	}
	c.registry.SetRate(rate)
	began := time.Now()
	running := c.cri.Start(t.Context(), img.Ref())

	live := fmt.Sprintf("pulltrace_image_downloaded_bytes{k8s_node_name=\"worker\",k8s_cluster_name=\"example\",oci_manifest_digest=%q}", img.Root.Digest)
	c.wait("the running pull", func() bool { return c.value(live) > 0 })
	pull := <-running
	if pull.Err != nil {
		t.Fatal(pull.Err)
	}
	c.wait("the end of its series", func() bool { return math.IsNaN(c.value(live)) })
	t.Logf("the series of the pull were gone %s after it", time.Since(pull.End).Round(100*time.Millisecond))

	c.wait("the bytes that the registry has served", func() bool {
		return c.value(`pulltrace_download_io_bytes_total{k8s_node_name="worker"}`) == float64(c.registry.Served(img.Blobs()...))
	})
	c.wait("the pull in the histogram", func() bool {
		return c.value(`pulltrace_pull_duration_seconds_count{pulltrace_pull_outcome="success"}`) == 1
	})
	if err := c.tempo.Wait(t.Context(), "the trace", func() bool { return len(c.tempo.Spans("pull image")) > 0 }); err != nil {
		t.Fatal(err)
	}
	span := c.tempo.Spans("pull image")[0]
	if span.Start.Before(pull.Start) || span.End.After(pull.End) {
		t.Errorf("the span is from %s to %s, the call was from %s to %s", span.Start, span.End, pull.Start, pull.End)
	}
	exemplars := c.prometheus.Exemplars("pulltrace_pull_duration_seconds_bucket", began, time.Now())
	if len(exemplars) != 1 || string(exemplars[0].Exemplars[0].Labels["trace_id"]) != span.TraceID {
		t.Errorf("the exemplars are %+v, the trace is %s", exemplars, span.TraceID)
	}
	c.askFromTraces()
}

func newChain(t *testing.T) *chain {
	t.Helper()
	daemon := containerd.Start(t)
	c := &chain{T: t}
	var err error
	if c.registry, err = registry.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.registry.Close() })
	if c.cri, err = cri.Dial(daemon.Socket); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.cri.Close() })
	if c.tempo, err = otlp.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.tempo.Close)

	free := server.FreeAddresses(t, 3)
	agent, gateway, prom := free[0], free[1], free[2]
	others := []string{"gateway.observability:4317", gateway, "prometheus.observability:9090", prom, "tempo.observability:4317", c.tempo.Address()}
	c.prometheus = prometheus.Start(t, c.config("prometheus.yml"), prom)
	collector.Start(t, []string{gateway}, c.config("gateway.yaml", append(others, "0.0.0.0:4317", gateway)...), "testdata/quiet.yaml")
	collector.Start(t, []string{agent}, c.config("agent.yaml", append(others, "0.0.0.0:4317", agent)...), "testdata/quiet.yaml")
	pulltrace.Start(t, pulltrace.Config{
		Socket:   daemon.Socket,
		Endpoint: "http://" + agent,
		Flags:    []string{"--node-name=worker"},
		Env: []string{
			"OTEL_METRIC_EXPORT_INTERVAL=1000", "OTEL_LOGS_EXPORTER=none",
			"OTEL_RESOURCE_ATTRIBUTES=k8s.cluster.name=example",
		},
	})
	c.wait("Pulltrace", func() bool { return c.value(`pulltrace_source_up{k8s_node_name="worker"}`) == 1 })
	return c
}

// config writes a configuration of the example with other addresses, and returns the path.
func (c *chain) config(name string, addresses ...string) string {
	c.Helper()
	text := strings.NewReplacer(addresses...).Replace(string(open(c.T, "agent-gateway/"+name).text))
	path := filepath.Join(c.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		c.Fatal(err)
	}
	return path
}

// value is the one answer to a query now; not a number where there is none.
func (c *chain) value(query string) float64 {
	c.Helper()
	switch answer := c.prometheus.Query(query, time.Now()); len(answer) {
	case 0:
		return math.NaN()
	case 1:
		return float64(answer[0].Value)
	default:
		c.Fatalf("%s has %d answers", query, len(answer))
		return 0
	}
}

// wait waits until something has arrived.
func (c *chain) wait(what string, arrived func() bool) {
	c.Helper()
	for deadline := time.Now().Add(soon); !arrived(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.Fatalf("%s has not arrived within %s", what, soon)
		}
	}
}

// askFromTraces asks what Grafana does from the trace of a pull on.
func (c *chain) askFromTraces() {
	c.Helper()
	_, _, tempo := sources(c.T, open(c.T, "compose/grafana/datasources.yaml"))
	for _, q := range tempo.Metrics.Queries {
		c.prometheus.Query(strings.ReplaceAll(q.Query, "$$__tags", `pulltrace_registry="127.0.0.1"`), time.Now())
	}
}
