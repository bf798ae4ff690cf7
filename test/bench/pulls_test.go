//go:build linux

package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/bench/page"
	"github.com/pulltrace/pulltrace/test/registry"
)

// playFeatures measures other settings of Pulltrace in the scene of 100 open layers.
func (b *bench) playFeatures(t *testing.T) {
	n := b.newNode(t)
	n.openLayers(100)
	s := scene{interval: pollInterval}
	for _, f := range []struct {
		name string
		set  func()
	}{
		{"the defaults", func() {}},
		{"`--layer-metrics=false`", func() { n.flags = []string{"--layer-metrics=false"} }},
		{"`OTEL_LOGS_EXPORTER=otlp`", func() { n.env = []string{"OTEL_LOGS_EXPORTER=otlp"} }},
		{fmt.Sprintf("`--kubernetes=on`, %d pods", b.pods), func() { n.pods(b.pods) }},
	} {
		n.flags, n.env = nil, nil
		f.set()
		b.report.Features = append(b.report.Features, page.Feature{Name: f.name, Window: n.window(s, n.pulltrace)})
	}
}

// playLatencies measures how soon what happens has been told.
func (b *bench) playLatencies(t *testing.T) {
	n := b.newNode(t)
	n.pulltrace(scene{})
	n.registry.SetRate(3_000_000)
	ends := make(map[string]time.Time)
	images := make(map[string]*registry.Image)
	for i := range n.pulls {
		time.Sleep(time.Second + rand.N(n.exports/10)) // no two in the same place between exports
		img := n.push(fmt.Sprintf("latency-%d:1", i), n.newLayers(3<<19))
		root := img.Root.Digest.String()
		images[root], ends[root] = img, n.pull(img).End
	}
	n.wait("the traces and metrics of all pulls", func() bool {
		return len(n.receiver.Spans("pull image")) == n.pulls && len(n.firstSeen()) == n.pulls
	})
	for _, s := range n.receiver.Spans("pull image") {
		root, _ := s.Attributes["oci.manifest.digest"].(string)
		b.report.Told = append(b.report.Told, s.Arrived.Sub(ends[root]))
	}
	for root, arrived := range n.firstSeen() {
		b.report.FirstSeen = append(b.report.FirstSeen, arrived.Sub(n.firstByte(images[root])))
	}
}

// firstSeen is when the first bytes of each image had arrived as a metric, by its root.
func (n *node) firstSeen() map[string]time.Time {
	seen := make(map[string]time.Time)
	for _, p := range n.receiver.Points("pulltrace.image.downloaded") {
		root, _ := p.Attributes["oci.manifest.digest"].(string)
		if seen[root].IsZero() && p.Value > 0 && !p.NoValue {
			seen[root] = p.Arrived
		}
	}
	return seen
}

// firstByte is when the registry was asked for the first blob of an image.
func (n *node) firstByte(img *registry.Image) (first time.Time) {
	n.Helper()
	for _, req := range n.registry.Requests() {
		if req.Blob && slices.Contains(img.Blobs(), req.Digest) && (first.IsZero() || req.Start.Before(first)) {
			first = req.Start
		}
	}
	if first.IsZero() {
		n.Fatalf("the registry was not asked for the blobs of %s", img.Ref())
	}
	return first
}

func (n *node) newLayers(sizes ...int64) []*registry.Layer {
	n.Helper()
	layers, err := registry.NewLayers(sizes...)
	if err != nil {
		n.Fatal(err)
	}
	return layers
}

// playPairs measures how long pulls take with Pulltrace and without, by turns.
func (b *bench) playPairs(t *testing.T) {
	n := b.newNode(t)
	for i := range n.pairs {
		var pair page.Pair
		without := func() { pair.Without = n.timed(fmt.Sprintf("without-%d:1", i)) }
		with := func() {
			w := n.pulltrace(scene{})
			time.Sleep(time.Second)
			pair.With = n.timed(fmt.Sprintf("with-%d:1", i))
			w.stop()
		}
		if i%2 == 0 {
			without()
			with()
		} else {
			with()
			without()
		}
		t.Logf("without %s, with %s", pair.Without, pair.With)
		b.report.Pairs = append(b.report.Pairs, pair)
	}
}

// timed is how long the pull of a new image takes.
func (n *node) timed(name string) time.Duration {
	n.Helper()
	img := n.push(name, n.newLayers(n.layer, n.layer, n.layer, n.layer))
	p := n.pull(img)
	return p.End.Sub(p.Start)
}
