// Package conformance runs the suite that every Source must pass against the
// real runtimes. It is a module of its own: it is the one place that knows both
// Pulltrace's packages and the harness.
package conformance

import (
	"context"
	"fmt"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pulltrace/pulltrace/collector"
	source "github.com/pulltrace/pulltrace/collector/containerd"
	"github.com/pulltrace/pulltrace/collector/pull"
	"github.com/pulltrace/pulltrace/collector/sourcetest"
	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/registry"
)

func TestContainerd(t *testing.T) { sourcetest.Run(t, newContainerd) }

// runtime is a containerd with a registry.
type runtime struct {
	daemon   *containerd.Daemon
	registry *registry.Registry
	cri      *cri.Client
	pushed   int
}

func newContainerd(t *testing.T) sourcetest.Runtime {
	t.Helper()
	r := &runtime{daemon: containerd.Start(t)}
	var err error
	if r.registry, err = registry.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.registry.Close() })
	if r.cri, err = cri.Dial(r.daemon.Socket); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.cri.Close() })
	return r
}

func (r *runtime) Source(t *testing.T) collector.Source {
	t.Helper()
	s, err := source.New(source.Config{Address: r.daemon.Socket, MaxConcurrentDownloads: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func (r *runtime) Push(t *testing.T, sizes ...int64) sourcetest.Image {
	t.Helper()
	layers, err := registry.NewLayers(sizes...)
	if err != nil {
		t.Fatal(err)
	}
	r.pushed++
	img, err := r.registry.Push(fmt.Sprintf("image-%d:1", r.pushed), layers)
	if err != nil {
		t.Fatal(err)
	}
	manifest := pull.Manifest{Config: descriptor(img.Config)}
	for _, l := range img.Layers {
		manifest.Layers = append(manifest.Layers, descriptor(l.Descriptor))
	}
	return sourcetest.Image{Ref: img.Ref(), Root: img.Root.Digest, Manifest: manifest}
}

func descriptor(d ocispec.Descriptor) pull.Descriptor {
	return pull.Descriptor{Digest: d.Digest, Size: d.Size, MediaType: d.MediaType}
}

func (r *runtime) SetRate(bytesPerSecond int) { r.registry.SetRate(bytesPerSecond) }

func (r *runtime) Pull(ctx context.Context, i sourcetest.Image) error {
	return r.cri.Pull(ctx, i.Ref).Err
}

func (r *runtime) Stop()  { r.daemon.Stop() }
func (r *runtime) Start() { r.daemon.Restart() }
