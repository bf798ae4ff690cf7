package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/cmd/containerd/server"
	"github.com/containerd/containerd/v2/cmd/containerd/server/config"
	"github.com/containerd/containerd/v2/core/transfer/image"
	"github.com/containerd/containerd/v2/core/transfer/registry"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/version"
	"github.com/containerd/log"
	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// downloadSlots is containerd's own default: so many downloads run at once over
// all pulls, the others wait.
const downloadSlots = 3

// namespace is where the images go, as with `ctr`.
const namespace = "default"

// daemon is a containerd that lives in this process: its own server and
// plugins, and its own API on a unix socket, as far as pulling goes.
type daemon struct {
	socket string
	server *server.Server
	client *containerd.Client
	hosts  string // the folder that tells it which registry to ask
}

// startDaemon starts containerd with all its state below dir. It asks the
// registry at the given address for every image, whatever host is in its name.
func startDaemon(ctx context.Context, dir, registryAddress string) (*daemon, error) {
	log.L.Logger.SetOutput(io.Discard) // the terminal belongs to the demo
	registerUnpacker()
	socket := filepath.Join(dir, "containerd.sock")
	s, err := server.New(ctx, &config.Config{
		Version: version.ConfigVersion,
		Root:    filepath.Join(dir, "root"),
		State:   filepath.Join(dir, "state"),
		Plugins: map[string]any{
			"io.containerd.server.v1.grpc": map[string]any{"address": socket},
			"io.containerd.transfer.v1.local": map[string]any{
				"max_concurrent_downloads": downloadSlots,
				"unpack_config": []map[string]any{{
					"platform":    platforms.Format(imagePlatform()),
					"snapshotter": snapshotter,
					"differ":      mountless,
				}},
			},
		},
		RequiredPlugins: []string{"io.containerd.transfer.v1.local", "io.containerd.server.v1.grpc"},
	})
	if err != nil {
		return nil, fmt.Errorf("assembling containerd: %w", err)
	}
	d := &daemon{socket: socket, server: s, hosts: filepath.Join(dir, "hosts")}
	if err := d.start(ctx, registryAddress); err != nil {
		d.stop()
		return nil, err
	}
	return d, nil
}

func (d *daemon) start(ctx context.Context, registryAddress string) (err error) {
	if err := d.server.Start(ctx); err != nil {
		return fmt.Errorf("starting containerd: %w", err)
	}
	d.client, err = containerd.New(d.socket, containerd.WithDefaultNamespace(namespace))
	if err != nil {
		return fmt.Errorf("connecting to containerd: %w", err)
	}
	anyHost := filepath.Join(d.hosts, "_default")
	if err := os.MkdirAll(anyHost, 0o700); err != nil {
		return fmt.Errorf("configuring registries: %w", err)
	}
	toml := fmt.Sprintf("server = %q\n", "http://"+registryAddress)
	if err := os.WriteFile(filepath.Join(anyHost, "hosts.toml"), []byte(toml), 0o600); err != nil {
		return fmt.Errorf("configuring registries: %w", err)
	}
	return nil
}

// pull does what `ctr images pull` does: containerd itself fetches and unpacks
// the image, and the call returns when it is there.
func (d *daemon) pull(ctx context.Context, ref string) error {
	ctx = namespaces.WithNamespace(ctx, namespace)
	source, err := registry.NewOCIRegistry(ctx, ref, registry.WithHostDir(d.hosts))
	if err != nil {
		return fmt.Errorf("pulling %s: %w", ref, err)
	}
	p := imagePlatform()
	store := image.NewStore(ref, image.WithPlatforms(p), image.WithUnpack(p, snapshotter))
	if err := d.client.Transfer(ctx, source, store); err != nil {
		return fmt.Errorf("pulling %s: %w", ref, err)
	}
	return nil
}

// stop ends containerd. Nothing writes to its folder any more.
func (d *daemon) stop() {
	if d.client != nil {
		d.awaitPulls()
		d.client.Close()
	}
	d.server.Stop()
}

// awaitPulls waits until containerd has let go of pulls that were cancelled: it
// tidies up after the call has returned, and deletes the lease last.
func (d *daemon) awaitPulls() {
	ctx, cancel := context.WithTimeout(namespaces.WithNamespace(context.Background(), namespace), 2*time.Second)
	defer cancel()
	for {
		leases, err := d.client.LeasesService().List(ctx)
		if err != nil || len(leases) == 0 || !sleep(ctx, 10*time.Millisecond) {
			return
		}
	}
}

// imagePlatform is this machine's as an image names it: there are no images for
// a Mac, containerd unpacks those for Linux there.
func imagePlatform() ocispec.Platform {
	p := platforms.DefaultSpec()
	p.OS, p.OSVersion = "linux", ""
	return p
}
