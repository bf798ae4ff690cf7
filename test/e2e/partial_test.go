package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc/codes"

	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/registry"
)

// The leases of one namespace cannot be read while short pulls come and go in another:
// each is told.
func TestShortPullsWhileAnotherNamespaceFails(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.leaseIn("zz")
	images := make([]*registry.Image, 4)
	pulls := make([]cri.Pull, len(images))
	process := n.watch()
	for i := range images {
		images[i] = n.push(fmt.Sprintf("short-%d:1", i), 30_000, 300_000)
		n.proxy.RefuseIn("zz", listResources, codes.DeadlineExceeded, 0)
		pulls[i] = n.pull(images[i])
		time.Sleep(700 * time.Millisecond)
		n.proxy.Mend(listResources)
		time.Sleep(300 * time.Millisecond)
	}
	time.Sleep(3 * time.Second) // longer than anything waits to be told
	process.Stop()
	for i, img := range images {
		if spans := n.pullSpans(img); len(spans) != 1 {
			t.Errorf("%s has %d spans, want 1:\n%s", img.Ref(), len(spans), n.trees(spans))
		} else {
			n.checkSuccess(spans[0], img, pulls[i], n.registry.Served(img.Blobs()...))
		}
	}
	n.checkOnlyPulls(len(images))
}

// leaseIn makes a lease that expires, in a namespace.
func (n *node) leaseIn(namespace string) {
	n.Helper()
	n.leaseWith(n.client(namespace), leases.WithRandomID(), leases.WithExpiration(time.Hour))
}

// From the middle of a pull until after its end each look takes long and fails in
// another namespace, and no event comes: the pull went well, and that is told.
func TestPullThatEndsWhileAnotherNamespaceFails(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.leaseIn("zz")
	img := n.push("blind:1", 4<<20, 2<<20)
	n.registry.SetRate(3_000_000)
	process := n.watch("--idle-interval=1s")
	done := n.cri.Start(n.Context(), img.Ref())
	time.Sleep(1500 * time.Millisecond)
	n.proxy.RefuseIn("zz", listResources, codes.DeadlineExceeded, 3*time.Second)
	n.proxy.Cut(subscribe)
	pull := <-done
	n.mustGoWell(pull)
	time.Sleep(4 * time.Second)
	n.proxy.Mend(listResources)
	n.proxy.Mend(subscribe)
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, n.registry.Served(img.Blobs()...))
	n.checkTree(span, img.Layers, img)
}

// containerd cannot list the ingests of one namespace, for what it wrote of one cannot
// be read. Pulls of another are told, and the log names the namespace that is not.
func TestNamespaceThatCannotBeListed(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	process := n.watch()
	n.abandonIngest("builder")
	n.daemon.SpoilIngests()
	if _, err := n.client("builder").ContentStore().ListStatuses(n.Context()); err == nil {
		t.Fatal("containerd lists the ingests of the namespace")
	}
	if _, err := n.client("builder").LeasesService().List(n.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	img := n.push("beside:1", 5<<20, 4<<20)
	n.registry.SetRate(2_000_000)
	pull := n.pull(img)
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, n.registry.Served(img.Blobs()...))
	n.checkTree(span, img.Layers, img)
	n.checkGauges(img, pull.End.Sub(pull.Start), false)
	if unread := n.values("pulltrace.source.namespace.unread"); len(unread) == 0 || unread[len(unread)-1] != 1 {
		t.Errorf("pulltrace.source.namespace.unread was %v, want 1 in the end", unread)
	}
	if !strings.Contains(process.Output(), "builder") {
		t.Error("the log does not name the namespace that cannot be read")
	}
}

// abandonIngest opens an ingest under a lease of a namespace and leaves it.
func (n *node) abandonIngest(namespace string) {
	n.Helper()
	c := n.client(namespace)
	ctx, _ := n.lease(c)
	data := []byte("the first part")
	w, err := content.OpenWriter(ctx, c.ContentStore(), content.WithRef("layer-"+digest.FromBytes(data).String()),
		content.WithDescriptor(ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip, Digest: digest.FromBytes(data), Size: 1 << 20}))
	if err != nil {
		n.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		n.Fatal(err)
	}
	if err := w.Close(); err != nil {
		n.Fatal(err)
	}
}
