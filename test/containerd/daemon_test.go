package containerd_test

import (
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/registry"
	"github.com/pulltrace/pulltrace/test/socketproxy"
)

// TestPullThroughTheWholeHarness pulls from the registry into a real daemon by
// CRI through the proxy, and holds what the parts say against each other.
func TestPullThroughTheWholeHarness(t *testing.T) {
	t.Parallel()
	daemon := containerd.Start(t)
	reg := startRegistry(t)
	proxy, err := socketproxy.Start(daemon.Socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { proxy.Close() })
	client := dial(t, proxy.Socket)

	img := push(t, reg, "team/app:1", 3_000_000, 1_000_000)
	reg.SetRate(4_000_000)
	pull := client.Pull(t.Context(), img.Ref())
	if pull.Err != nil {
		t.Fatal(pull.Err)
	}
	if pull.ImageRef != img.Config.Digest.String() {
		t.Errorf("CRI answered image %s, the config is %s", pull.ImageRef, img.Config.Digest)
	}
	if took := pull.End.Sub(pull.Start); took < 900*time.Millisecond || took > 2*time.Second {
		t.Errorf("4 MB at 4 MB/s took %s", took)
	}
	for _, blob := range img.Blobs() {
		if n := requests(reg, blob); n != 1 {
			t.Errorf("%s was asked for %d times", blob, n)
		}
	}
	if got := reg.Served(img.Blobs()...); got != img.Size() {
		t.Errorf("the registry served %d bytes of an image of %d", got, img.Size())
	}
	var methods []string
	for _, call := range proxy.Calls() {
		methods = append(methods, call.Method)
	}
	if want := "/runtime.v1.ImageService/PullImage"; strings.Join(methods, " ") != want {
		t.Errorf("the proxy saw %v, want %s", methods, want)
	}
}

func TestPullFailsWhereTheRegistryCuts(t *testing.T) {
	t.Parallel()
	daemon := containerd.Start(t)
	reg := startRegistry(t)
	client := dial(t, daemon.Socket)

	img := push(t, reg, "cut:1", 4_000_000)
	reg.SetRate(8_000_000)
	reg.SetFaults(img.Layers[0].Digest, registry.CutAt(2_000_000))
	if pull := client.Pull(t.Context(), img.Ref()); pull.Err == nil {
		t.Error("the pull of a cut layer did not fail")
	} else {
		t.Logf("failed after %s: %v", pull.End.Sub(pull.Start), pull.Err)
	}
	reg.SetFaults(img.Layers[0].Digest)
	if pull := client.Pull(t.Context(), img.Ref()); pull.Err != nil {
		t.Errorf("the retry failed: %v", pull.Err)
	}
}

func TestImagesOutliveARestart(t *testing.T) {
	t.Parallel()
	daemon := containerd.Start(t)
	reg := startRegistry(t)
	client := dial(t, daemon.Socket)
	img := push(t, reg, "restart:1", 100_000)
	for i, end := range []func(){daemon.Stop, daemon.Kill} {
		if pull := client.Pull(t.Context(), img.Ref()); pull.Err != nil {
			t.Fatalf("pull %d: %v", i, pull.Err)
		}
		end()
		daemon.Restart()
	}
	if n := requests(reg, img.Layers[0].Digest); n != 1 {
		t.Errorf("the layer was fetched %d times", n)
	}
}

func requests(reg *registry.Registry, dgst digest.Digest) int {
	n := 0
	for _, req := range reg.Requests() {
		if req.Digest == dgst {
			n++
		}
	}
	return n
}

func startRegistry(t *testing.T) *registry.Registry {
	t.Helper()
	reg, err := registry.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reg.Close() })
	return reg
}

func push(t *testing.T, reg *registry.Registry, name string, sizes ...int64) *registry.Image {
	t.Helper()
	layers, err := registry.NewLayers(sizes...)
	if err != nil {
		t.Fatal(err)
	}
	img, err := reg.Push(name, layers)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func dial(t *testing.T, socket string) *cri.Client {
	t.Helper()
	client, err := cri.Dial(socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}
