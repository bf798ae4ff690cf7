package e2e

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/registry"
)

const listResources = "/containerd.services.leases.v1.Leases/ListResources"

// Docker pulls a tag that has moved: before it resolves the name, it puts the image
// that it has under its lease. Only the new image is pulled, however long the resolve
// takes, and whether somebody looks in it or not.
func TestPullOfATagThatMoved(t *testing.T) {
	t.Parallel()
	for name, face := range map[string]struct {
		faults []registry.Fault // of the new root
		looked bool             // the resolve lasts until pulltrace has looked
	}{
		"at once":             {},
		"slow resolve":        {faults: []registry.Fault{registry.Delay(2 * time.Second), registry.On(http.MethodHead)}},
		"looked at meanwhile": {faults: []registry.Fault{registry.Hold(), registry.On(http.MethodHead)}, looked: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			c := n.client("moby")
			before := n.push("app:latest", 1<<20, 2<<20)
			n.unpackInto(n.Context(), c, before)
			img := n.push("app:latest", 6<<20, 6<<20)
			n.registry.SetFaults(img.Root.Digest, face.faults...)
			n.registry.SetRate(3_000_000)
			flags := []string{shortThreshold}
			if face.looked {
				flags = append(flags, "--idle-interval=500ms")
			}
			process := n.watch(flags...)
			if face.looked {
				go n.releaseOnceLooked(img.Root.Digest, 3)
			}
			pull := n.dockerPull(c, before, img)
			span := n.onlySpan(img, process)
			n.checkSuccessIn("moby", span, img, pull, n.registry.Served(img.Blobs()...))
			n.checkTree(span, img.Layers, img)
			n.checkOutcomes(1, 0)
			n.checkOnlyPulls(1)
			n.neverStalled()
			if points := n.points("pulltrace.image.layer.count", before); len(points) != 0 {
				n.Errorf("the image that was there is told as pulled: %s", points[0].Attributes)
			}
		})
	}
}

// dockerPull pulls an image as Docker does that has another one under the same tag.
func (n *node) dockerPull(c *client.Client, before, img *registry.Image) cri.Pull {
	n.Helper()
	return n.call(img, func(context.Context) error {
		ctx, done := n.leaseWith(c, leases.WithRandomID(), leases.WithExpiration(8*time.Hour), leases.WithLabel("moby/prune.images", "true"))
		n.pin(ctx, c, all(before)...)
		n.unpackInto(ctx, c, img)
		dangling := images.Image{Name: "moby-dangling@" + before.Root.Digest.String(), Target: before.Root}
		if _, err := c.ImageService().Create(ctx, dangling); err != nil {
			n.Error(err)
		}
		done()
		return nil
	})
}

// releaseOnceLooked answers what is held for a digest when pulltrace has listed the
// resources of leases so many times since.
func (n *node) releaseOnceLooked(held digest.Digest, times int) {
	since := n.calls(listResources)
	for range 100 {
		if n.calls(listResources)-since >= times {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	n.registry.SetFaults(held)
}

// calls is how often a method was called so far.
func (n *node) calls(method string) (count int) {
	for _, call := range n.proxy.Calls() {
		if call.Method == method {
			count++
		}
	}
	return count
}

// leaseWith makes a lease with options. It returns a context that works under it, and
// what deletes it.
func (n *node) leaseWith(c *client.Client, opts ...leases.Opt) (ctx context.Context, done func()) {
	n.Helper()
	ctx, remove, err := c.WithLease(n.Context(), opts...)
	if err != nil {
		n.Fatal(err)
	}
	return ctx, func() {
		if err := remove(ctx); err != nil {
			n.Error(err)
		}
	}
}

// all are the digests of an image: root, manifest, config and layers.
func all(img *registry.Image) []digest.Digest {
	return append([]digest.Digest{img.Root.Digest, img.Manifest.Digest}, img.Blobs()...)
}

// pin adds blobs to the lease of a context.
func (n *node) pin(ctx context.Context, c *client.Client, blobs ...digest.Digest) {
	n.Helper()
	id, _ := leases.FromContext(ctx)
	for _, blob := range blobs {
		if err := c.LeasesService().AddResource(ctx, leases.Lease{ID: id}, leases.Resource{ID: blob.String(), Type: "content"}); err != nil {
			n.Error(err)
		}
	}
}

// unpackInto pulls an image in this process and unpacks it, into the client's namespace.
func (n *node) unpackInto(ctx context.Context, c *client.Client, img *registry.Image) {
	n.Helper()
	_, err := c.Pull(ctx, img.Ref(), client.WithResolver(plainHTTP()), client.WithPlatformMatcher(platforms.Default()),
		client.WithPullUnpack, client.WithPullSnapshotter(n.daemon.Snapshotter))
	if err != nil {
		n.Errorf("pulling %s: %v", img.Ref(), err)
	}
}

// checkOnlyPulls makes sure that so many pulls were told, of whatever image. pulltrace
// must have been stopped.
func (n *node) checkOnlyPulls(count int) {
	n.Helper()
	if spans := n.receiver.Spans("pull image"); len(spans) != count {
		n.Errorf("%d spans of pulls, want %d:\n%s", len(spans), count, n.trees(spans))
	}
}

// checkNothingTold makes sure that no pull was ever told: not as running, not as
// stalled, not as ended. pulltrace must have been stopped.
func (n *node) checkNothingTold() {
	n.Helper()
	n.checkOnlyPulls(0)
	for _, metric := range []string{"pulltrace.pull.active", "pulltrace.pull.stalled", "pulltrace.cache.hit", "pulltrace.download.wasted"} {
		for _, p := range n.receiver.Points(metric) {
			if p.Value != 0 {
				n.Errorf("%s is %g with no pull: %s", metric, p.Value, p.Attributes)
				break
			}
		}
	}
	if events := n.receiver.Events("pulltrace.pull.started"); len(events) != 0 {
		n.Errorf("a pull is told to have started: %s", events[0].Attributes)
	}
}

// Docker saves an image: it puts it under a lease that expires, for as long as the
// reader takes. That is no pull.
func TestImageThatIsPinned(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	c := n.client("moby")
	img := n.push("saved:1", 1<<20, 2<<20)
	n.unpackInto(n.Context(), c, img)
	process := n.watch(shortThreshold, "--idle-interval=500ms")
	ctx, done := n.leaseWith(c, leases.WithRandomID(), leases.WithExpiration(8*time.Hour), leases.WithLabel("moby/prune.images", "true"))
	n.pin(ctx, c, all(img)...)
	time.Sleep(6 * time.Second)
	done()
	time.Sleep(2 * time.Second)
	process.Stop()
	n.checkNothingTold()
}

// Another image is made of one that was pulled, with the program's own code that
// nerdctl calls: the new manifest has the labels of the old one, also the one that says
// where it came from. Nothing is pulled.
func TestConversionOfAnImage(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	c := n.client("default")
	img := n.push("plain:1", 1<<20, 200_000)
	n.unpackInto(n.Context(), c, img)
	process := n.watch(shortThreshold, "--idle-interval=500ms")
	n.convert(c, img, "converted.example.com/app:1")
	time.Sleep(2 * time.Second) // longer than anything waits to be told
	process.Stop()
	n.checkNothingTold()
}
