package scale

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/pulltrace/pulltrace/test/peers/prometheus"
)

// bench is a Prometheus with the fleet in it.
type bench struct {
	*fleet
	nodes      int
	start      time.Time // of the future
	url        string
	data       string // folder of its storage
	prometheus *prometheus.Server
	samples    int // of the past
	recording  time.Duration
}

const config = `
global:
  evaluation_interval: 15s
rule_files: [%s]
`

// asItIs keeps Prometheus from making one block of several: those that come later, of what
// the rules recorded, are of the same time as the others.
var asItIs = []string{
	"--storage.tsdb.min-block-duration=2h", "--storage.tsdb.max-block-duration=2h", "--no-storage.tsdb.allow-overlapping-compaction",
}

// newBench has the past of so many nodes in a Prometheus, and their future begin.
func newBench(t *testing.T, nodes int, of span) *bench {
	t.Helper()
	if _, err := prometheus.Build(t.Context()); err != nil { // before its time is reckoned with
		t.Fatal(err)
	}
	b := &bench{fleet: newFleet(t, nodes, of), nodes: nodes, data: t.TempDir()}
	// When the past will be there, more or less. What is late is sent at once.
	b.start = time.Now().Add(time.Duration(nodes) * of.past / 100_000).Truncate(time.Millisecond)
	shift := b.start.Sub(b.now)
	b.samples = writeBlocks(t, b.data, b.fleet, shift)

	rules, err := filepath.Abs(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, rules), 0o644); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	b.url = "http://" + address
	b.prometheus = prometheus.StartOn(t, b.data, file, address, asItIs...)
	b.record(t, rules)
	t.Logf("the past is there %s before it must be", time.Until(b.start).Round(time.Second))
	b.play(t, b.url+"/api/v1/otlp/v1/metrics", shift)
	return b
}

// record has promtool evaluate the recording rules over the past, and gives Prometheus what
// comes of it.
func (b *bench) record(t *testing.T, rules string) {
	t.Helper()
	bin, err := prometheus.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "recorded")
	began := time.Now()
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "promtool"), "tsdb", "create-blocks-from", "rules",
		"--start="+unix(b.start.Add(-b.span.past).Truncate(time.Second)), "--end="+unix(b.start.Truncate(time.Second)), "--url="+b.url, "--output-dir="+out, rules)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("evaluating the rules over the past: %v\n%s", err, text)
	}
	b.recording = time.Since(began)
	blocks, err := filepath.Glob(filepath.Join(out, "*", "meta.json"))
	if err != nil || len(blocks) == 0 {
		t.Fatalf("the rules recorded nothing: %v", err)
	}
	for _, path := range blocks {
		dir := filepath.Dir(path)
		if err := os.Rename(dir, filepath.Join(b.data, filepath.Base(dir))); err != nil {
			t.Fatal(err)
		}
	}
}

// freeAddress is an address of the loopback interface that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// number is the answer to a query that is one number.
func (b *bench) number(t *testing.T, query string) float64 {
	t.Helper()
	answer := b.prometheus.Query(query, time.Now())
	if len(answer) != 1 {
		t.Fatalf("%s has %d answers", query, len(answer))
	}
	return float64(answer[0].Value)
}

// own is the sum of a metric of Prometheus itself.
func (b *bench) own(t *testing.T, name string) (sum float64) {
	t.Helper()
	text, err := get(t.Context(), b.url+"/metrics")
	if err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range families[name].GetMetric() {
		sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
	}
	return sum
}
