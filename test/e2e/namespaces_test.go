package e2e

import (
	"sync"
	"testing"

	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/registry"
)

// Pulls in four namespaces at once, more than the download slots can serve: each
// is told in its own, with its own name and bytes.
func TestNamespacesAtOnce(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.registry.SetRate(6_000_000)
	process := n.watch()
	namespaces := []string{"k8s.io", "default", "moby", "buildkit"}
	images := make([]*registry.Image, len(namespaces))
	pulls := make([]cri.Pull, len(namespaces))
	var all sync.WaitGroup
	for i, namespace := range namespaces {
		images[i] = n.push(namespace+"/app:1", 1<<20, 1<<20+int64(i))
		all.Go(func() {
			if namespace == "k8s.io" {
				pulls[i] = n.cri.Pull(t.Context(), images[i].Ref())
				return
			}
			pulls[i] = n.transferTo(namespace, images[i])
		})
	}
	all.Wait()
	for _, img := range images {
		n.waitSpans(img, 1)
	}
	for i, img := range images {
		span := n.onlySpan(img, process)
		n.checkSuccessIn(namespaces[i], span, img, pulls[i], n.registry.Served(img.Blobs()...))
		n.checkTree(span, img.Layers, img)
	}
}
