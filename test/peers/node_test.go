package peers

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/peers/collector"
	"github.com/pulltrace/pulltrace/test/peers/internal/server"
	"github.com/pulltrace/pulltrace/test/peers/prometheus"
	"github.com/pulltrace/pulltrace/test/pulltrace"
	"github.com/pulltrace/pulltrace/test/registry"
)

const (
	// interval is how often metrics are pushed, by default, and scraped, by
	// examples/prometheus/prometheus.yml.
	interval = 10 * time.Second
	// arrival is how much later than its time a sample may be there.
	arrival = 2 * time.Second

	examples       = "../../examples/prometheus/"
	stallThreshold = 5 * time.Second
)

// node is a containerd with a registry, watched by three Pulltraces at once, each
// of which hands its metrics to the one Prometheus in another way.
type node struct {
	*testing.T
	registry   *registry.Registry
	cri        *cri.Client
	prometheus *prometheus.Server
	refusal    *refusal // of the lifecycle events, by /node
	tracesFile string
	watchers   map[string]*pulltrace.Process // by the name of their nodes
}

func newNode(t *testing.T) *node {
	t.Helper()
	daemon := containerd.Start(t)
	n := &node{T: t, tracesFile: filepath.Join(t.TempDir(), "traces.jsonl"), watchers: make(map[string]*pulltrace.Process), refusal: startRefusal(t)}
	var err error
	if n.registry, err = registry.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.registry.Close() })
	if n.cri, err = cri.Dial(daemon.Socket); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.cri.Close() })

	n.startPeers(daemon)
	return n
}

// startPeers starts Prometheus, the Collector and the Pulltraces, by the configurations
// of the examples as they are, but for their ports.
func (n *node) startPeers(daemon *containerd.Daemon) {
	n.Helper()
	free := server.FreeAddresses(n, 5)
	otlp, prom, exporter, exporterDefault, scraped := free[0], free[1], free[2], free[3], free[4]
	ports := strings.NewReplacer("localhost:4317", otlp, "localhost:9090", prom, "localhost:8889", exporter,
		"localhost:8890", exporterDefault, "localhost:9464", scraped, "traces.jsonl", n.tracesFile)
	n.prometheus = prometheus.Start(n, n.config(ports, examples+"prometheus.yml", "testdata/default-expiration.yml"), prom)
	collector.Start(n, []string{otlp, exporter, exporterDefault},
		n.config(ports, examples+"otelcol.yaml"), n.config(ports, "testdata/default-expiration.yaml"))

	traces := []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://" + otlp, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc"}
	host, port, _ := strings.Cut(scraped, ":")
	n.watch(daemon, byCollector, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+otlp)
	n.watch(daemon, straight, slices.Concat(traces, []string{
		"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=http/protobuf",
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://" + prom + "/api/v1/otlp/v1/metrics",
	})...)
	n.watch(daemon, byScrape, slices.Concat(traces, []string{
		"OTEL_METRICS_EXPORTER=prometheus", "OTEL_EXPORTER_PROMETHEUS_HOST=" + host, "OTEL_EXPORTER_PROMETHEUS_PORT=" + port,
	})...)
}

// config writes configuration files, put together, with other ports, and returns the
// path.
func (n *node) config(ports *strings.Replacer, paths ...string) string {
	n.Helper()
	var text strings.Builder
	for _, path := range paths {
		part, err := os.ReadFile(path)
		if err != nil {
			n.Fatal(err)
		}
		text.Write(part)
	}
	path := filepath.Join(n.TempDir(), filepath.Base(paths[0]))
	if err := os.WriteFile(path, []byte(ports.Replace(text.String())), 0o644); err != nil {
		n.Fatal(err)
	}
	return path
}

// watch starts a Pulltrace for a way, as on a Kubernetes node of the way's name.
func (n *node) watch(daemon *containerd.Daemon, w way, env ...string) {
	n.Helper()
	n.watchers[w.node] = pulltrace.Start(n, pulltrace.Config{
		Socket: daemon.Socket,
		Flags:  []string{"--node-name=" + w.node, "--stall-threshold=" + stallThreshold.String()},
		Env: append([]string{
			"OTEL_METRIC_EXPORT_INTERVAL=", // the default
			"OTEL_LOGS_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=http/protobuf", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=" + n.refusal.url + "/" + w.node,
		}, env...),
	})
}

// kill ends all Pulltraces as a crash does.
func (n *node) kill() {
	for _, w := range n.watchers {
		w.Kill()
	}
}

// push makes an image of layers that are there and of new ones of these sizes, which is
// served at rate.
func (n *node) push(name string, shared []*registry.Layer, sizes ...int64) *registry.Image {
	n.Helper()
	layers, err := registry.NewLayers(sizes...)
	if err != nil {
		n.Fatal(err)
	}
	img, err := n.registry.Push(name, slices.Concat(shared, layers))
	if err != nil {
		n.Fatal(err)
	}
	n.registry.SetRepositoryRate(img.Repository, rate)
	return img
}

// waitReady waits until each Pulltrace has said by its way that containerd answers.
func (n *node) waitReady() {
	n.Helper()
	deadline := time.Now().Add(6 * interval)
	for _, w := range append(ways, byDefaultExporter) {
		query := "pulltrace_source_up{" + w.selector() + "} == 1"
		for len(n.prometheus.Query(query, time.Now())) == 0 {
			if time.Now().After(deadline) {
				n.Fatalf("by %s nothing has come", w.name)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
}
