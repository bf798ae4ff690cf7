//go:build linux

package bench

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/bench/nodeexporter"
	"github.com/pulltrace/pulltrace/test/bench/page"
	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/pulltrace"
	"github.com/pulltrace/pulltrace/test/registry"
)

var (
	full     = flag.Bool("full", false, "measure for long enough, which takes half an hour; else each scene is played in seconds")
	pageFile = flag.String("page", "", "write the page to this file")
)

// size is how much there is of what is measured.
type size struct {
	window, settle time.Duration
	counted        time.Duration // for how long calls are, where nothing happens
	exports        time.Duration // from one export of metrics to the next
	rounds         int           // of scenes that goals are about
	open           []int         // layers
	images         int           // that are stored
	blobs          int           // of them
	leases         int           // that are no pulls
	imported       int           // images
	burst          int           // images
	pods           int
	pulls          int   // whose latency is measured
	pairs          int   // of pulls with Pulltrace and without
	layer          int64 // bytes of a layer of these, which have four
}

var (
	fullSize = size{
		window: 2 * nodeexporter.Interval, settle: 2 * time.Second, counted: 12 * time.Second, exports: 10 * time.Second, rounds: 2,
		open: []int{10, 100, 1000}, images: 500, blobs: 10_000, leases: 200, imported: 100, burst: 40, pods: 110,
		pulls: 60, pairs: 8, layer: 32 << 20,
	}
	smallSize = size{
		window: 2 * time.Second, settle: time.Second, counted: 2 * time.Second, exports: time.Second, rounds: 1,
		open: []int{10, 100}, images: 5, blobs: 100, leases: 5, imported: 3, burst: 3, pods: 5,
		pulls: 3, pairs: 1, layer: 1 << 20,
	}
)

// bench is what all scenes share.
type bench struct {
	size
	exporter *nodeexporter.Exporter
	binary   string // of the bare loop
	archive  string // of images to be imported
	layers   []*registry.Layer
	report   page.Report
}

const layersOfBurst = 20

// TestBench plays all scenes. That it measures something is tested each time, what it
// measures is in the page alone: a machine that is shared is not to be judged by.
func TestBench(t *testing.T) {
	containerd.Require(t)
	if _, err := pulltrace.Build(); err != nil { // before anything is measured
		t.Fatal(err)
	}
	b := &bench{size: smallSize}
	if *full {
		b.size = fullSize
	}
	b.binary = buildLoop(t)
	b.archive = writeArchive(t, b.imported)
	sizes := make([]int64, layersOfBurst*b.burst)
	for i := range sizes {
		sizes[i] = 64 << 10
	}
	var err error
	if b.layers, err = registry.NewLayers(sizes...); err != nil {
		t.Fatal(err)
	}
	b.exporter = nodeexporter.Start(t)
	began, loads := time.Now(), []string{load()}
	for _, s := range b.scenes() {
		t.Run(strings.ReplaceAll(s.name, " ", "-"), func(t *testing.T) { b.play(t, s) })
		loads = append(loads, load())
	}
	t.Run("settings", b.playFeatures)
	t.Run("latencies", b.playLatencies)
	t.Run("pairs", b.playPairs)
	if t.Failed() {
		return
	}
	b.report.Facts = [][2]string{
		{"containerd", containerd.Newest},
		{"node_exporter", b.exporter.Version},
		{"Go", runtime.Version()},
		{"machine", fmt.Sprintf("%d × %s", runtime.NumCPU(), processor())},
		{"load of the machine, before, after each scene, and at the end", strings.Join(append(loads, load()), ", ")},
		{"when, and how long it took", fmt.Sprintf("%s, %s", began.UTC().Format(time.DateOnly), time.Since(began).Round(time.Minute))},
		{"a window of a scene in which nothing happens", b.window.String()},
	}
	text := b.report.Markdown()
	t.Log(text)
	if *pageFile == "" {
		return
	}
	if err := os.WriteFile(*pageFile, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func buildLoop(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := build(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "loop")
}
