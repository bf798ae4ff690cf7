package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/images/converter"
	"github.com/containerd/containerd/v2/core/images/converter/uncompress"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pulltrace/pulltrace/test/registry"
)

// A builder resolves the base of a build under a lease with a label of its own, which
// stays after the build: it fetches index, manifest and config, and no layer. That is
// no pull, whether the base was there before or not.
func TestBaseThatABuilderResolves(t *testing.T) {
	t.Parallel()
	for name, there := range map[string]bool{"base is there": true, "base is not there": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			c := n.client("buildkit")
			img := n.push("base:1", 1<<20, 2<<20)
			if there {
				n.unpackInto(n.Context(), c, img)
			}
			process := n.watch(shortThreshold, "--idle-interval=500ms")
			ctx, done := n.leaseWith(c, leases.WithRandomID(), leases.WithExpiration(5*time.Minute), leases.WithLabel("buildkit/lease.temporary", time.Now().UTC().Format(time.RFC3339Nano)))
			n.resolve(ctx, c, img)
			time.Sleep(6 * time.Second)
			done()
			time.Sleep(2 * time.Second)
			process.Stop()
			n.checkNothingTold()
		})
	}
}

// resolve fetches index, manifest and config of an image, and labels them.
func (n *node) resolve(ctx context.Context, c *client.Client, img *registry.Image) {
	n.Helper()
	resolver, store := plainHTTP(), c.ContentStore()
	name, root, err := resolver.Resolve(ctx, img.Ref())
	if err != nil {
		n.Fatal(err)
	}
	fetcher, err := resolver.Fetcher(ctx, name)
	if err != nil {
		n.Fatal(err)
	}
	source, err := docker.AppendDistributionSourceLabel(store, name)
	if err != nil {
		n.Fatal(err)
	}
	children := images.SetChildrenMappedLabels(store, images.FilterPlatforms(images.ChildrenHandler(store), platforms.Default()), images.ChildGCLabels)
	noLayers := images.HandlerFunc(func(_ context.Context, d ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		if images.IsLayerType(d.MediaType) {
			return nil, images.ErrSkipDesc
		}
		return nil, nil
	})
	if err := images.Dispatch(ctx, images.Handlers(noLayers, remotes.FetchHandler(store, fetcher), children, source), nil, root); err != nil {
		n.Fatal(err)
	}
}

// convert makes an image with uncompressed layers of another one.
func (n *node) convert(c *client.Client, img *registry.Image, name string) {
	n.Helper()
	made, err := converter.Convert(n.Context(), c, name, img.Ref(),
		converter.WithPlatform(platforms.Default()), converter.WithLayerConvertFunc(uncompress.LayerConvertFunc), converter.WithDockerToOCI(true))
	if err != nil {
		n.Fatal(err)
	}
	info, err := c.ContentStore().Info(n.Context(), made.Target.Digest)
	if err != nil {
		n.Fatal(err)
	}
	if made.Target.Digest == img.Root.Digest || info.Labels["containerd.io/distribution.source.127.0.0.1"] == "" {
		n.Fatalf("the image that was made is %s with labels %v, want a new one that says where its source came from", made.Target.Digest, info.Labels)
	}
}

// A client has gone without deleting its lease, and containerd lists that beyond its
// expiry: it collects only when something is deleted. Pulltrace that is started then
// tells of nothing.
func TestLeaseThatHadExpired(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	c := n.client("default")
	img := n.push("left:1", 1<<20)
	for try := range 3 { // now and then containerd collects garbage for a reason of its own
		id := fmt.Sprint("left-", try)
		ctx, _ := n.leaseWith(c, leases.WithID(id), leases.WithExpiration(time.Second))
		n.resolve(ctx, c, img)
		time.Sleep(1500 * time.Millisecond)
		process := n.watch(shortThreshold, "--idle-interval=500ms")
		time.Sleep(5 * time.Second)
		listed := n.isListed(c, id)
		process.Stop()
		n.checkNothingTold()
		if listed {
			return
		}
	}
	t.Error("containerd has collected the lease each time")
}

// A pull stands still, and then its lease expires and stays listed: with its expiry it
// is over.
func TestLeaseThatExpiresWhileNothingMoves(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	c := n.client("default")
	img := n.push("expires:1", 4<<20)
	n.registry.SetRate(3_000_000)
	n.registry.SetFaults(img.Layers[0].Digest, registry.StallAt(2<<20))
	process := n.watch("--stall-threshold=2s", "--idle-interval=500ms")
	const expiry = 6 * time.Second
	expires := time.Now().Add(expiry)
	ctx, _ := n.leaseWith(c, leases.WithID("expires"), leases.WithExpiration(expiry))
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if _, err := c.Pull(ctx, img.Ref(), client.WithResolver(plainHTTP()), client.WithPlatformMatcher(platforms.Default())); err == nil {
		t.Fatal("the pull went well, though it stood still")
	}
	n.wait("the pull to be stalled", func() bool { return n.stalledPulls() == 1 })
	time.Sleep(time.Until(expires.Add(2 * time.Second)))
	n.checkQuiet(img)
	if !n.isListed(c, "expires") {
		t.Error("the lease is no longer listed")
	}
	span := n.onlySpan(img, process)
	if span.Attributes["pulltrace.pull.outcome"] == "success" {
		t.Error("a pull that never ended is told as good")
	}
	if late := span.End.Sub(expires); late > 2*time.Second {
		t.Errorf("the pull is told to end %s after the expiry of its lease", late)
	}
}

// isListed tells whether containerd still lists a lease: if not, the test shows
// nothing.
func (n *node) isListed(c *client.Client, id string) bool {
	n.Helper()
	list, err := c.LeasesService().List(n.Context())
	if err != nil {
		n.Fatal(err)
	}
	return slices.ContainsFunc(list, func(l leases.Lease) bool { return l.ID == id })
}
