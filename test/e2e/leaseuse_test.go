package e2e

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"

	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/registry"
)

// A client pulls two images under one lease of its own, one after the other or both at
// once: two pulls, each with its own name and bytes.
func TestTwoImagesUnderOneLease(t *testing.T) {
	t.Parallel()
	for name, atOnce := range map[string]bool{"one after the other": false, "at once": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			c := n.client("default")
			two := []*registry.Image{n.push("one:1", 3<<20, 1<<20), n.push("two:1", 2<<20, 2<<20)}
			n.registry.SetRate(3_000_000)
			process := n.watch(shortThreshold)
			ctx, done := n.leaseWith(c, leases.WithRandomID(), leases.WithExpiration(time.Hour))
			pulls := make([]cri.Pull, len(two))
			var all sync.WaitGroup
			for i, img := range two {
				all.Go(func() { pulls[i] = n.pullUnder(ctx, c, img) })
				if !atOnce {
					all.Wait()
				}
			}
			all.Wait()
			if !atOnce {
				time.Sleep(5 * time.Second) // both are over, the lease is not
			}
			done()
			for _, img := range two {
				n.waitSpans(img, 1)
			}
			process.Stop()
			n.checkOnlyPulls(2)
			for i, img := range two {
				span := n.onlySpan(img, process)
				n.checkSuccessIn("default", span, img, pulls[i], n.servedFor(img))
				n.checkTree(span, img.Layers, img)
			}
			n.neverStalled()
		})
	}
}

func (n *node) pullUnder(ctx context.Context, c *client.Client, img *registry.Image) cri.Pull {
	n.Helper()
	return n.call(img, func(context.Context) error { n.unpackInto(ctx, c, img); return nil })
}

// A client names its lease, and uses the name again: each use is a pull of its own,
// also of an image that was pulled under it before.
func TestLeaseOfTheSameName(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	c := n.client("default")
	one, other := n.push("one:1", 2<<20), n.push("other:1", 1<<20)
	n.registry.SetRate(3_000_000)
	process := n.watch()
	var pulls []cri.Pull
	for i, img := range []*registry.Image{one, other, one} {
		if i == 2 {
			n.wait("the first pulls to be told", func() bool { return len(n.pullSpans(one)) == 1 && len(n.pullSpans(other)) == 1 })
			if err := c.ImageService().Delete(t.Context(), one.Ref(), images.SynchronousDelete()); err != nil {
				t.Fatal(err)
			}
		}
		pulls = append(pulls, n.call(img, func(context.Context) error {
			ctx, done := n.leaseWith(c, leases.WithID("its-name"), leases.WithExpiration(time.Hour))
			n.unpackInto(ctx, c, img)
			done()
			return nil
		}))
	}
	n.waitSpans(one, 2)
	process.Stop()
	n.checkOnlyPulls(3)
	spans := append(n.pullSpans(one), n.pullSpans(other)...)
	if served := n.registry.Served(one.Blobs()...); served != 2*one.Size() {
		t.Fatalf("the registry served %d bytes of an image of %d that was to be fetched twice", served, one.Size())
	}
	traces := map[string]bool{}
	for _, span := range spans {
		traces[span.TraceID] = true
	}
	if len(traces) != len(spans) {
		t.Errorf("%d pulls have %d traces", len(spans), len(traces))
	}
	n.checkSuccessIn("default", spans[0], one, pulls[0], one.Size())
	n.checkSuccessIn("default", spans[1], one, pulls[2], one.Size())
	n.checkSuccessIn("default", spans[2], other, pulls[1], other.Size())
}
