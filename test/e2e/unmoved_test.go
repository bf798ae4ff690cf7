package e2e

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/test/registry"
)

// Docker pulls a tag that has not moved: its root is under the lease from the beginning
// on, and is looked at before the resolve has an answer. Only then does the pull visit it.
// It is told with what it fetched: nothing, or layers that were missing.
func TestPullOfATagThatDidNotMove(t *testing.T) {
	t.Parallel()
	for name, whole := range map[string]bool{"all is there": true, "layers are missing": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			c := n.client("moby")
			img := n.push("app:latest", 3<<20, 2<<20)
			there := []digest.Digest{img.Root.Digest, img.Manifest.Digest, img.Config.Digest}
			if whole {
				n.unpackInto(n.Context(), c, img)
				there = all(img)
			} else {
				ctx, _ := n.leaseWith(c, leases.WithID("stays")) // does not expire, so that it is no pull's
				n.resolve(ctx, c, img)
			}
			before := n.registry.Served(img.Blobs()...)
			n.registry.SetRate(2_000_000)
			n.registry.SetFaults(img.Root.Digest, registry.Hold(), registry.On(http.MethodHead))
			process := n.watch(shortThreshold, "--idle-interval=500ms")
			go n.releaseOnceLooked(img.Root.Digest, 6)
			pull := n.call(img, func(context.Context) error {
				ctx, done := n.leaseWith(c, leases.WithRandomID(), leases.WithExpiration(8*time.Hour), leases.WithLabel("moby/prune.images", "true"))
				n.pin(ctx, c, there...)
				n.unpackInto(ctx, c, img)
				done()
				return nil
			})
			span := n.onlySpan(img, process)
			n.checkSuccessIn("moby", span, img, pull, n.registry.Served(img.Blobs()...)-before)
			n.checkOnlyPulls(1)
		})
	}
}
