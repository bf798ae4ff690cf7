package buildkit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/pulltrace/pulltrace/test/deploy/debian"
	"github.com/pulltrace/pulltrace/test/internal/gobuild"
)

const (
	thisPackage = "github.com/pulltrace/pulltrace/test/deploy/buildkit"
	module      = "github.com/moby/buildkit"
	runc        = "github.com/opencontainers/runc"
	pinned      = "v0.34"
)

// Binaries returns the folder that holds buildkitd, buildctl and runc, and builds them
// first where that has not been done. Several processes may call it at once.
func Binaries(ctx context.Context) (string, error) {
	here, err := gobuild.Dir(ctx, thisPackage)
	if err != nil {
		return "", fmt.Errorf("finding the pinned BuildKit: %w", err)
	}
	src := filepath.Join(here, pinned)
	version, err := gobuild.Version(ctx, src, module)
	if err != nil {
		return "", fmt.Errorf("reading the pinned version of BuildKit: %w", err)
	}
	return gobuild.Cached("buildkit", src, version, func(out string) error {
		return errors.Join(
			gobuild.Build(ctx, src, out, []string{"-ldflags", "-s -w"}, module+"/cmd/buildkitd", module+"/cmd/buildctl"),
			buildRunc(ctx, src, out),
		)
	})
}

// buildRunc builds runc with seccomp, which BuildKit uses for each step. Its library is
// C, and taken from Debian.
func buildRunc(ctx context.Context, src, out string) error {
	fs, err := os.MkdirTemp("", "libseccomp-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fs)
	if err := debian.Unpack(ctx, fs, "libseccomp-dev"); err != nil {
		return err
	}
	archives, err := filepath.Glob(filepath.Join(fs, "usr/lib/*/libseccomp.a"))
	if err != nil || len(archives) != 1 {
		return fmt.Errorf("libseccomp-dev has %d libraries (%w)", len(archives), err)
	}
	env := []string{
		"CGO_CFLAGS=-I" + fs + "/usr/include",
		"CGO_LDFLAGS=-L" + filepath.Dir(archives[0]) + " -lseccomp",
		"PKG_CONFIG=true", // what it would tell stands above
	}
	return gobuild.BuildWithC(ctx, env, src, out, []string{"-tags", "netgo,osusergo,seccomp"}, runc)
}

// Build is one build of a Dockerfile. Its steps have no network.
type Build struct {
	Context   string   // folder that is built, with its Dockerfile
	Platforms []string // as linux/arm64
	Base      string   // image that the Dockerfile begins with
	Layout    string   // folder with an OCI layout of one image, which stands for it
}

// Archive builds into an archive, an OCI layout as a tar. One build runs at a time
// for each user; others wait.
func (b Build) Archive(ctx context.Context, archive string) error {
	bin, err := Binaries(ctx)
	if err != nil {
		return err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	state := filepath.Join(cache, "pulltrace", "buildkit", "state")
	unlock, err := gobuild.Lock(state + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	d, err := start(ctx, bin, state)
	if err != nil {
		return err
	}
	defer d.stop()
	args, err := b.arguments(archive)
	if err != nil {
		return err
	}
	return d.buildctl(ctx, append([]string{"build"}, args...)...)
}

func (b Build) arguments(archive string) ([]string, error) {
	root, err := rootOf(b.Layout)
	if err != nil {
		return nil, fmt.Errorf("reading what stands for %s: %w", b.Base, err)
	}
	return []string{
		"--progress=plain",
		"--frontend=dockerfile.v0",
		"--local=context=" + b.Context,
		"--local=dockerfile=" + b.Context,
		"--oci-layout=base=" + b.Layout,
		"--opt=context:" + b.Base + "=oci-layout://base@" + root.String(),
		"--opt=platform=" + strings.Join(b.Platforms, ","),
		"--opt=force-network-mode=none",
		"--output=type=oci,dest=" + archive,
	}, nil
}

// daemon is a running buildkitd.
type daemon struct {
	cmd  *exec.Cmd
	bin  string
	dir  string
	log  bytes.Buffer
	done chan struct{} // closed when it has ended
}

// start starts a buildkitd that keeps what it has built in state.
func start(ctx context.Context, bin, state string) (*daemon, error) {
	dir, err := os.MkdirTemp("", "buildkit-") // not in the cache: a socket's path is short
	if err != nil {
		return nil, err
	}
	d := &daemon{bin: bin, dir: dir, done: make(chan struct{})}
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), nil, 0o600); err != nil {
		return nil, err
	}
	d.cmd = exec.Command(filepath.Join(bin, "buildkitd"),
		"--config="+filepath.Join(dir, "config.toml"), // not the machine's
		"--root="+state,
		"--addr="+d.address(),
		"--containerd-worker=false", "--oci-worker=true",
		"--oci-worker-binary="+filepath.Join(bin, "runc"),
		"--oci-worker-gc-keepstorage=4000", // MB
	)
	d.cmd.Stdout, d.cmd.Stderr = &d.log, &d.log
	d.cmd.SysProcAttr = endsWithParent()
	if err := d.cmd.Start(); err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("starting buildkitd: %w", err)
	}
	go func() {
		defer close(d.done)
		_ = d.cmd.Wait() // killed, or its log says why
	}()
	if err := d.waitReady(ctx); err != nil {
		d.stop()
		return nil, fmt.Errorf("starting buildkitd: %w\n%s", err, d.log.Bytes())
	}
	return d, nil
}

func (d *daemon) address() string { return "unix://" + filepath.Join(d.dir, "buildkitd.sock") }

func (d *daemon) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := d.buildctl(ctx, "debug", "workers")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-d.done:
			return errors.New("it has ended")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (d *daemon) buildctl(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(d.bin, "buildctl"), append([]string{"--addr=" + d.address()}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("buildctl %s: %w\n%s", args[0], err, out)
	}
	return nil
}

// stop ends the daemon and waits for it.
func (d *daemon) stop() {
	_ = d.cmd.Process.Signal(os.Interrupt)
	select {
	case <-d.done:
	case <-time.After(10 * time.Second):
		d.cmd.Process.Kill()
		<-d.done
	}
	os.RemoveAll(d.dir)
}
