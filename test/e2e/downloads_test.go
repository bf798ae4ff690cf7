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
	n.checkAnswers(span, poll)
}

// flushLimit is how long containerd may take to write a blob to the disk.
const flushLimit = time.Second

// checkAnswers holds the downloads of a pull against the registry's answers. A
// download ends when its blob is committed: after the last byte, by as long as
// containerd takes to flush it to the disk. An estimated start may be off by a
// poll's interval up to 2.0; from 2.1 it is the end of another download, which has
// freed its slot before it was flushed.
func (n *node) checkAnswers(span otlp.Span, poll time.Duration) {
	n.Helper()
	var slowest time.Duration // flush
	starts := map[any]time.Duration{}
	estimated := map[any]bool{}
	for _, layer := range n.receiver.Children(span) {
		if layer.Name != "layer" {
			continue
		}
		index, download, answer := layer.Attributes["pulltrace.layer.index"], n.receiver.Children(layer)[0], n.answer(layer)
		inferred, _ := layer.Attributes["pulltrace.estimated"].([]any)
		estimated[index] = slices.Contains(inferred, any("download.start"))
		starts[index] = download.Start.Sub(answer.Start)
		flush := download.End.Sub(answer.End)
		slowest = max(slowest, flush)
		n.Logf("download of layer %v: start %+.1f ms, end %+.1f ms off the registry's answer, estimated %v",
			index, milliseconds(starts[index]), milliseconds(flush), inferred)
		limit := flushLimit
		if slices.Contains(inferred, any("download.end")) { // thrown away before it was seen
			limit = span.End.Sub(answer.End)
		}
		if flush < 0 || flush > limit {
			n.Errorf("the download of layer %v ends %s after the last byte", index, flush)
		}
	}
	for index, off := range starts {
		limit := clockLimit
		switch {
		case estimated[index] && n.tellsNoBlobs():
			limit = poll
		case estimated[index]:
			limit += slowest
		}
		if off.Abs() > limit {
			n.Errorf("the download of layer %v starts %s after the registry was asked, want %s at most", index, off, limit)
		}
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
