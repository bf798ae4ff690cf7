package e2e

import (
	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/pulltrace"
	"github.com/pulltrace/pulltrace/test/registry"
)

// onlyTold pulls images by CRI, which must go well, stops pulltrace, and makes
// sure that these pulls are told, and nothing else was ever.
func (n *node) onlyTold(process *pulltrace.Process, images ...*registry.Image) {
	n.Helper()
	pulls := make([]cri.Pull, len(images))
	for i, img := range images {
		pulls[i] = n.pull(img)
	}
	for _, img := range images {
		n.waitSpans(img, 1)
	}
	process.Stop()
	for i, img := range images {
		n.checkSuccess(n.pullSpans(img)[0], img, pulls[i], n.registry.Served(img.Blobs()...))
	}
	if spans := n.receiver.Spans("pull image"); len(spans) != len(images) {
		n.Errorf("%d pulls have %d spans:\n%s", len(images), len(spans), n.trees(spans))
	}
}
