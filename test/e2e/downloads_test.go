package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

// Seven layers, the first of which is the slowest, so that none can be unpacked
// while the others come and go: containerd up to 2.0 tells no event meanwhile, and
// opens an ingest only with a slot in hand. Each download begins and ends with the
// registry's answer.
func TestDownloadsBehindASlowLayer(t *testing.T) {
	onEachVersion(t, func(n *node) { n.downloadsBehindASlowLayer(time.Second) })
}

// The same, polling every 5 s: up to 2.0 some downloads begin and end between two
// polls. They are told as estimated, and begin no earlier than the poll before.
func TestDownloadsBehindASlowLayerPolledRarely(t *testing.T) {
	onEachVersion(t, func(n *node) { n.downloadsBehindASlowLayer(5 * time.Second) })
}

func (n *node) downloadsBehindASlowLayer(poll time.Duration) {
	n.Helper()
	img := n.push("slow:1", 5<<20, 1<<20, 1<<20, 1<<20, 1<<20, 1<<20, 1<<20)
	for _, l := range img.Layers {
		n.registry.SetDigestRate(l.Digest, 800_000)
	}
	process := n.watch("--poll-interval="+poll.String(), "--idle-interval=10s")
	pull := n.pull(img)
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, n.registry.Served(img.Blobs()...))
	n.checkTree(span, img.Layers, img)
	for _, layer := range n.receiver.Children(span) {
		if layer.Name == "layer" {
			n.checkDownload(layer, poll)
		}
	}
}

// checkDownload holds the download of a layer against the registry's answer. An
// estimated start may be early by a poll's interval, where no event was told that
// the poll could have come from.
func (n *node) checkDownload(layer otlp.Span, poll time.Duration) {
	n.Helper()
	limit := clockLimit
	estimated, _ := layer.Attributes["pulltrace.estimated"].([]any)
	if slices.Contains(estimated, any("download.start")) && n.tellsNoBlobs() {
		limit = poll
	}
	download, answer := n.receiver.Children(layer)[0], n.answer(layer)
	start, end := download.Start.Sub(answer.Start), download.End.Sub(answer.End)
	n.Logf("download of layer %v: start %+.1f ms, end %+.1f ms off the registry's answer, estimated %v",
		layer.Attributes["pulltrace.layer.index"], milliseconds(start), milliseconds(end), estimated)
	if start.Abs() > limit || end.Abs() > clockLimit {
		n.Errorf("the download of layer %v starts %s and ends %s after the registry's answer, want %s and %s",
			layer.Attributes["pulltrace.layer.index"], start, end, limit, clockLimit)
	}
}

// tellsNoBlobs tells whether the node's containerd has no event for a blob that
// was committed.
func (n *node) tellsNoBlobs() bool { return slices.Contains([]string{"1.7", "2.0"}, n.daemon.Version) }

// answer is the registry's one answer to the request for a layer.
func (n *node) answer(layer otlp.Span) registry.Request {
	n.Helper()
	var found []registry.Request
	for _, req := range n.registry.Requests() {
		if req.Digest.String() == layer.Attributes["pulltrace.layer.digest"] {
			found = append(found, req)
		}
	}
	if len(found) != 1 {
		n.Fatalf("layer %v was asked for %d times", layer.Attributes["pulltrace.layer.index"], len(found))
	}
	return found[0]
}
