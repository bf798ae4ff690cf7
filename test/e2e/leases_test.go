package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pulltrace/pulltrace/test/registry"
)

// Leases that are no pulls, though they expire and hold content: an import, a
// lone blob, an image that is built on another one, a container. They are never told, with
// looks as often as can be.
func TestLeasesThatAreNoPulls(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.push("base:1", 30_000, 2<<20)
	process := n.watch("--poll-interval=50ms", "--idle-interval=50ms")
	n.pull(img)
	n.waitSpans(img, 1)

	saved := n.export(img)
	for _, namespace := range []string{"k8s.io", "default"} { // there already, and new
		n.ctr(namespace, "images", "import", "--snapshotter", n.daemon.Snapshotter, saved)
	}
	n.ctr("moby", "images", "import", "--local", "--snapshotter", n.daemon.Snapshotter, saved)
	n.ctr("k8s.io", "content", "fetch-blob", "--plain-http", img.Name(), img.Layers[0].Digest.String())
	n.ctr("k8s.io", "content", "fetch-object", "--plain-http", img.Ref())
	n.ctr("k8s.io", "images", "tag", img.Ref(), img.Name()+":2")
	n.ctr("k8s.io", "containers", "create", "--snapshotter", n.daemon.Snapshotter, img.Ref(), "container")
	n.sandboxLease(img)
	n.loneBlob()
	n.commit(img.Layers[0].Descriptor, img.Layers[0].DiffID)

	time.Sleep(1500 * time.Millisecond) // longer than anything waits to be told
	process.Stop()
	if spans := n.receiver.Spans("pull image"); len(spans) != 1 {
		t.Errorf("one pull has %d spans:\n%s", len(spans), n.trees(spans))
	}
	for _, p := range n.receiver.Points("pulltrace.image.layer.count") {
		if p.Attributes["oci.manifest.digest"] != img.Root.Digest.String() || p.Attributes["pulltrace.containerd.namespace"] != "k8s.io" {
			t.Fatalf("told as a pull: %s", p.Attributes)
		}
	}
}

// export saves an image to a file. ctr would by the transfer service, whose stream may
// be cut short.
func (n *node) export(img *registry.Image) (path string) {
	n.Helper()
	f, err := os.Create(filepath.Join(n.TempDir(), "image.tar"))
	if err != nil {
		n.Fatal(err)
	}
	defer f.Close()
	c := n.client("k8s.io")
	err = c.Export(n.Context(), f, archive.WithImage(c.ImageService(), img.Ref()), archive.WithPlatform(platforms.Default()))
	if err != nil {
		n.Fatalf("exporting %s: %v", img.Ref(), err)
	}
	return f.Name()
}

// sandboxLease holds an image in a lease that does not expire, as a running sandbox
// does.
func (n *node) sandboxLease(img *registry.Image) {
	n.Helper()
	service := n.client("k8s.io").LeasesService()
	l, err := service.Create(n.Context(), leases.WithID("sandbox"))
	if err != nil {
		n.Fatal(err)
	}
	for _, d := range []digest.Digest{img.Root.Digest, img.Manifest.Digest, img.Config.Digest} {
		if err := service.AddResource(n.Context(), l, leases.Resource{ID: d.String(), Type: "content"}); err != nil {
			n.Fatal(err)
		}
	}
}

// loneBlob holds a blob, and then one that calls itself a manifest, in a lease
// that stays.
func (n *node) loneBlob() {
	n.Helper()
	c := n.client("k8s.io")
	ctx, _ := n.lease(c)
	n.write(ctx, c, "layer-", ocispec.MediaTypeImageLayer, []byte("lone"), nil)
	n.write(ctx, c, "manifest-", ocispec.MediaTypeImageManifest, []byte(`{"schemaVersion":2}`), nil)
}

// commit makes an image of a layer that was pulled and a new one, as builders
// do: config, manifest and image record under a lease.
func (n *node) commit(base ocispec.Descriptor, baseDiff digest.Digest) {
	n.Helper()
	c := n.client("k8s.io")
	ctx, done := n.lease(c)
	defer done()
	layer := n.write(ctx, c, "", ocispec.MediaTypeImageLayer, []byte("a layer"), nil)
	config := n.write(ctx, c, "", ocispec.MediaTypeImageConfig, n.json(ocispec.Image{
		RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{baseDiff, layer.Digest}},
	}), nil)
	manifest := n.write(ctx, c, "manifest-", ocispec.MediaTypeImageManifest, n.json(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, Config: config, Layers: []ocispec.Descriptor{base, layer},
	}), map[string]string{
		"containerd.io/gc.ref.content.config": config.Digest.String(),
		"containerd.io/gc.ref.content.l.0":    base.Digest.String(),
		"containerd.io/gc.ref.content.l.1":    layer.Digest.String(),
	})
	if _, err := c.ImageService().Create(ctx, images.Image{Name: "built.example.com/app:1", Target: manifest}); err != nil {
		n.Fatal(err)
	}
}

// lease makes a lease that expires, as those of pulls do. It returns a context
// that works under it, and what deletes it.
func (n *node) lease(c *client.Client) (ctx context.Context, done func()) {
	n.Helper()
	l, err := c.LeasesService().Create(n.Context(), leases.WithRandomID(), leases.WithExpiration(time.Hour))
	if err != nil {
		n.Fatal(err)
	}
	return leases.WithLease(n.Context(), l.ID), func() {
		if err := c.LeasesService().Delete(n.Context(), l); err != nil {
			n.Error(err)
		}
	}
}

// write writes a blob under an ingest that is open for a while.
func (n *node) write(ctx context.Context, c *client.Client, kind, mediaType string, data []byte, labels map[string]string) ocispec.Descriptor {
	n.Helper()
	d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	w, err := content.OpenWriter(ctx, c.ContentStore(), content.WithRef(kind+d.Digest.String()), content.WithDescriptor(d))
	if err != nil {
		n.Fatal(err)
	}
	defer w.Close()
	time.Sleep(200 * time.Millisecond)
	if err := content.Copy(ctx, w, bytes.NewReader(data), d.Size, d.Digest, content.WithLabels(labels)); err != nil {
		n.Fatal(err)
	}
	return d
}

func (n *node) json(v any) []byte {
	n.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		n.Fatal(err)
	}
	return data
}
