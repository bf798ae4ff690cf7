package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/registry"
)

// A caller that gives up: containerd cancels the pull, and from outside that is
// a failure like any other.
func TestCancelledPull(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.push("cancelled:1", 1<<20, 8<<20)
	n.registry.SetRate(3_000_000)
	process := n.watch()

	ctx, cancel := context.WithCancel(n.Context())
	defer cancel()
	time.AfterFunc(2*time.Second, cancel) // no deadline: containerd would know it too
	pull := n.cri.Pull(ctx, img.Ref())
	if ctx.Err() == nil {
		t.Fatalf("the pull ended by itself: %v", pull.Err)
	}
	n.waitSpans(img, 1)
	process.Stop()
	n.checkFailure(img, pull, 1)
	n.checkOutcomes(0, 1)
}

// A pull that containerd itself gives up, since no byte has come for a while.
func TestPullWithoutProgress(t *testing.T) {
	t.Parallel()
	n := newNodeWith(t, containerd.Options{Images: `image_pull_progress_timeout = "4s"`})
	img := n.push("dead:1", 1<<20, 4<<20)
	n.registry.SetFaults(img.Layers[1].Digest, registry.StallAt(2<<20))
	process := n.watch("--stall-threshold=2s")

	pull := n.cri.Pull(n.Context(), img.Ref())
	n.waitSpans(img, 1)
	process.Stop()
	n.checkFailure(img, pull, 1)
	n.checkOutcomes(0, 1)
	if !n.wasStalled() {
		t.Error("the pull was never told as stalled")
	}
	if stalled := n.total("pulltrace.pull.stalled"); stalled != 0 {
		t.Errorf("%g pulls are told as stalled in the end", stalled)
	}
}

// wasStalled tells whether a pull from this node's registry was ever told as
// stalled.
func (n *node) wasStalled() bool {
	for _, p := range n.receiver.Points("pulltrace.pull.stalled") {
		if p.Value > 0 {
			return true
		}
	}
	return false
}

// A content store without room for the layer.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.daemon.Stop()
	store := filepath.Join(filepath.Dir(n.daemon.Socket), "root", "io.containerd.content.v1.content")
	if err := os.MkdirAll(store, 0o755); err != nil { // 1.7 makes it when it is needed
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", store, "tmpfs", 0, "size=4m"); err != nil {
		t.Fatalf("mounting a small content store: %v", err)
	}
	n.daemon.Restart() // which unmounts it in the end
	img := n.push("full:1", 1<<20, 8<<20)
	n.registry.SetRate(4_000_000)
	process := n.watch()

	pull := n.cri.Pull(n.Context(), img.Ref())
	if pull.Err == nil || !strings.Contains(pull.Err.Error(), syscall.ENOSPC.Error()) {
		t.Fatalf("the pull ended with %v, want %v", pull.Err, syscall.ENOSPC)
	}
	n.waitSpans(img, 1)
	process.Stop()
	n.checkFailure(img, pull, 1)
	n.checkOutcomes(0, 1)
}

// Layers that come whole, with the right digest, and cannot be unpacked: one is
// no tar where the manifest says so, one is not what the config says, and one is a
// gzip that is broken in its middle.
func TestLayerThatDoesNotUnpack(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.registry.SetRate(2_000_000)
	process := n.watch()
	broken, err := registry.NewBrokenLayer(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(registry.Layer) *registry.Layer{
		"no-tar":      func(l registry.Layer) *registry.Layer { l.MediaType = ocispec.MediaTypeImageLayer; return &l },
		"other-tar":   func(l registry.Layer) *registry.Layer { l.DiffID = digest.FromString("another tar"); return &l },
		"broken-gzip": func(registry.Layer) *registry.Layer { return broken },
	} {
		layers := n.layers(1<<20, 4<<20)
		layers[0] = spoil(*layers[0])
		img := n.pushLayers(name+":1", layers)
		pull := n.cri.Pull(n.Context(), img.Ref())
		n.waitSpans(img, 1)
		n.checkFailure(img, pull, 1)
	}
	process.Stop()
	n.checkOutcomes(0, 3)
}

// An image verifier that says no comes before anything was fetched: nobody sees
// that pull from outside, so no span is invented. The next one is told.
func TestImageVerifierSaysNo(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	n := newNodeWith(t, containerd.Options{Extra: "[plugins.'io.containerd.image-verifier.v1.bindir']\n  bin_dir = '" + bin + "'\n"})
	n.since("2.1", "image verifiers in pulls by CRI")
	verifier := filepath.Join(bin, "no")
	if err := os.WriteFile(verifier, []byte("#!/bin/sh\necho not this one\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	img := n.push("rejected:1", 1<<20)
	process := n.watch()
	if pull := n.cri.Pull(n.Context(), img.Ref()); pull.Err == nil {
		t.Fatal("the pull of a rejected image went well")
	}
	if err := os.Remove(verifier); err != nil {
		t.Fatal(err)
	}
	pull := n.pull(img)
	n.checkSuccess(n.onlySpan(img, process), img, pull, n.registry.Served(img.Blobs()...))
	n.checkOutcomes(1, 0)
}
