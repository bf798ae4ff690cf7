package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

// A CRI pull of 4 layers of 8 MiB at about 3 MB/s: exactly one span, with the
// call's own start and end, each layer with the manifest's digest and size,
// and the bytes the registry served. During it the gauges move.
func TestPullOfFourLayers(t *testing.T) {
	onEachVersion(t, func(n *node) { n.pullFourLayers() })
}

// The same, polling every 10 s: the same span, the same times.
func TestPullOfFourLayersPolledRarely(t *testing.T) {
	onEachVersion(t, func(n *node) { n.pullFourLayers("--poll-interval=10s", "--idle-interval=10s") })
}

// The same, polling four times a second.
func TestPullOfFourLayersPolledOften(t *testing.T) {
	t.Parallel()
	newNode(t).pullFourLayers("--poll-interval=250ms")
}

func (n *node) pullFourLayers(flags ...string) {
	n.Helper()
	img := n.push("team/app:1", 8<<20, 8<<20, 8<<20, 8<<20)
	n.registry.SetRate(3_000_000)
	process := n.watch(flags...)

	pull := n.pull(img)
	span := n.onlySpan(img, process)

	served := n.registry.Served(img.Blobs()...)
	n.checkSuccess(span, img, pull, served)
	n.checkTree(span, img.Layers, img)
	n.logDownloads(span)
	n.checkGauges(img, pull.End.Sub(pull.Start), !slices.Contains(flags, "--poll-interval=10s"))
	n.checkDuration(pull.End.Sub(pull.Start))
	if version, _ := span.Resource["container.runtime.version"].(string); !strings.HasPrefix(version, n.daemon.Version+".") {
		n.Errorf("the runtime is told as version %q, it is a %s", version, n.daemon.Version)
	}
	if told := n.total("pulltrace.download.io"); told != float64(served) {
		n.Errorf("pulltrace.download.io is %.0f, the registry served %d", told, served)
	}
	n.Logf("%s\n%s", pull.End.Sub(pull.Start), n.receiver.Tree(span))
}

// checkGauges checks what was told while the one pull of an image ran. With a
// poll each second every gauge has moved in several steps.
func (n *node) checkGauges(img *registry.Image, took time.Duration, polledOften bool) {
	n.Helper()
	progress := n.points("pulltrace.image.progress", img)
	if len(progress) == 0 {
		n.Fatal("no progress was told")
	}
	for i := 1; i < len(progress); i++ {
		if progress[i].Value < progress[i-1].Value {
			n.Errorf("progress falls from %g to %g", progress[i-1].Value, progress[i].Value)
		}
	}
	if last := progress[len(progress)-1].Value; last != 1 {
		n.Errorf("progress ends at %g, want 1", last)
	}
	wantSteps := 2
	if polledOften {
		wantSteps = max(3, int(took.Seconds())/2)
	}
	for name, points := range map[string][]otlp.Point{"progress": progress, "downloaded": n.points("pulltrace.image.downloaded", img)} {
		if got := steps(points); got < wantSteps {
			n.Errorf("%s moved in %d steps during %s, want at least %d", name, got, took, wantSteps)
		} else {
			n.Logf("%s moved in %d steps, told %d times", name, got, len(points))
		}
	}
	for name, unit := range map[string]string{"progress": "1", "downloaded": "By", "size": "By", "cached": "By"} {
		for _, p := range n.points("pulltrace.image."+name, img) {
			if p.Kind != otlp.Gauge || p.Unit != unit {
				n.Fatalf("%s is told as %s in %q, want gauge in %q", p.Metric, p.Kind, p.Unit, unit)
			}
			if name == "size" && p.Value != float64(img.Size()) {
				n.Errorf("the size is told as %g, want %d", p.Value, img.Size())
			}
		}
	}
}

// steps counts how often a value differs from the one before.
func steps(points []otlp.Point) (n int) {
	for i := 1; i < len(points); i++ {
		if points[i].Value != points[i-1].Value {
			n++
		}
	}
	return n
}

// checkDuration checks the histogram after the one pull of a node.
func (n *node) checkDuration(took time.Duration) {
	n.Helper()
	points := n.registryPoints("pulltrace.pull.duration")
	if len(points) != 1 {
		n.Fatalf("pulltrace.pull.duration has %d points, want 1: %+v", len(points), points)
	}
	p := points[0]
	if p.Kind != otlp.Histogram || p.Unit != "s" || p.Count != 1 || p.Attributes["pulltrace.pull.outcome"] != "success" {
		n.Errorf("pulltrace.pull.duration is %+v", p)
	}
	if off := p.Sum - took.Seconds(); off < -0.1 || off > 0.1 {
		n.Errorf("pulltrace.pull.duration is %.3f s, the call took %.3f s", p.Sum, took.Seconds())
	}
}

// logDownloads shows how far a download span is from the registry's request, and
// adds it to the report.
func (n *node) logDownloads(span otlp.Span) {
	for _, layer := range n.receiver.Children(span) {
		for _, step := range n.receiver.Children(layer) {
			for _, req := range n.registry.Requests() {
				if step.Name == "download" && req.Digest.String() == layer.Attributes["pulltrace.layer.digest"] {
					recordDownload(step.Start.Sub(req.Start))
					n.Logf("download of layer %v: start %+.1f ms, end %+.1f ms off the registry's request", layer.Attributes["pulltrace.layer.index"],
						milliseconds(step.Start.Sub(req.Start)), milliseconds(step.End.Sub(req.End)))
				}
			}
		}
	}
}

// Twenty small images one after another, each pulled in well under a second,
// while the poll without a pull is every 10 s: twenty spans, each with its own
// name and layers.
func TestTwentySmallImages(t *testing.T) { onEachVersion(t, twentySmallImages) }

func twentySmallImages(n *node) {
	images := make([]*registry.Image, 20)
	for i := range images {
		images[i] = n.push(fmt.Sprintf("small-%02d:1", i), 30_000, 20_000+int64(i))
	}
	process := n.watch("--idle-interval=10s")
	pulls := make([]cri.Pull, len(images))
	for i, img := range images {
		pulls[i] = n.pull(img)
	}
	for _, img := range images {
		n.waitSpans(img, 1)
	}
	for i, img := range images {
		span := n.onlySpan(img, process)
		n.checkSuccess(span, img, pulls[i], n.registry.Served(img.Blobs()...))
		n.checkTree(span, img.Layers, img)
	}
}
