package e2e

import (
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/pulltrace"
	"github.com/pulltrace/pulltrace/test/registry"
)

// A pull that the registry cuts in the middle: status Error, outcome failure,
// never progress 1. The retry is a second span.
func TestPullCutInTheMiddle(t *testing.T) { onEachVersion(t, pullCutInTheMiddle) }

func pullCutInTheMiddle(n *node) {
	img, process, failed := n.pullCut()
	served := n.registry.Served(img.Blobs()...)
	span := n.waitSpans(img, 1)[0]
	n.record(span, failed, served)
	n.checkClock(span, failed)
	n.checkAttribute(span, "pulltrace.pull.outcome", "failure")
	if kind, _ := span.Attributes["error.type"].(string); kind == "" {
		n.Error("the failed span has no error.type")
	}
	if span.Status != tracepb.Status_STATUS_CODE_ERROR {
		n.Errorf("the failed span has status %s", span.Status)
	}
	// The last poll may have missed what came after it, never what was not served.
	told, _ := span.Attributes["pulltrace.pull.bytes.downloaded"].(int64)
	if told <= 1<<20 || told > served {
		n.Errorf("the failed pull fetched %d bytes, the registry served %d", told, served)
	}

	time.Sleep(time.Second) // for the last sample of the series
	progress := n.points("pulltrace.image.progress", img)
	if len(progress) == 0 {
		n.Error("no progress was told")
	}
	for _, p := range progress {
		if p.Value >= 1 {
			n.Errorf("the failed pull is told with progress %g", p.Value)
		}
	}

	n.retry(img, process)
	outcomes := map[any]uint64{}
	for _, p := range n.registryPoints("pulltrace.pull.duration") {
		outcomes[p.Attributes["pulltrace.pull.outcome"]] += p.Count
	}
	if outcomes["failure"] != 1 || outcomes["success"] != 1 || len(outcomes) != 2 {
		n.Errorf("pulltrace.pull.duration counts %v, want one failure and one success", outcomes)
	}
}

// A retry at once, before containerd has thrown away what the failed pull had
// fetched, goes on from there: that much was on the node already.
func TestRetryThatResumes(t *testing.T) { onEachVersion(t, retryThatResumes) }

func retryThatResumes(n *node) {
	img, process, _ := n.pullCut()
	n.retry(img, process)
}

// pullCut watches a pull of an image whose second layer the registry cuts.
func (n *node) pullCut() (*registry.Image, *pulltrace.Process, cri.Pull) {
	n.Helper()
	img := n.push("cut:1", 1<<20, 8<<20)
	n.registry.SetRate(3_000_000)
	n.registry.SetFaults(img.Layers[1].Digest, registry.CutAt(5<<20))
	process := n.watch()
	failed := n.cri.Pull(n.Context(), img.Ref())
	if failed.Err == nil {
		n.Fatal("the pull of a cut layer went well")
	}
	return img, process, failed
}

// retry pulls an image whose second layer was cut once more, well this time, and
// checks that it is told as a pull of its own.
func (n *node) retry(img *registry.Image, process *pulltrace.Process) {
	n.Helper()
	n.registry.SetFaults(img.Layers[1].Digest)
	before := n.registry.Served(img.Blobs()...)
	pull := n.pull(img)
	n.waitSpans(img, 2)
	process.Stop()
	spans := n.pullSpans(img)
	if len(spans) != 2 {
		n.Fatalf("a failed pull and its retry have %d spans, want 2:\n%s", len(spans), n.trees(spans))
	}
	n.checkResumed(spans[1], img, pull, n.registry.Served(img.Blobs()...)-before)
	if spans[0].TraceID == spans[1].TraceID {
		n.Errorf("the retry has the failed pull's trace ID %s", spans[0].TraceID)
	}
}
