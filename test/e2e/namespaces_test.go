package e2e

import (
	"context"
	"sync"
	"testing"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/platforms"

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
			pulls[i] = n.pullInto(namespace, images[i])
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

// pullInto pulls an image into a namespace that is not the CRI's.
func (n *node) pullInto(namespace string, img *registry.Image) cri.Pull {
	n.Helper()
	if n.daemon.Version >= "2.0" {
		return n.transferTo(namespace, img)
	}
	c := n.client(namespace) // 1.7's transfer service knows no plain HTTP
	return n.call(img, func(ctx context.Context) error {
		_, err := c.Pull(ctx, img.Ref(), client.WithResolver(plainHTTP()), client.WithPlatformMatcher(platforms.Default()),
			client.WithPullUnpack, client.WithPullSnapshotter(n.daemon.Snapshotter))
		return err
	})
}
