package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/containerd"
)

// BuildKit is a buildkitd of a test that stands alone, without Docker, and keeps its images
// in a containerd, in the namespace buildkit.
type BuildKit struct {
	t       testing.TB
	dir     string
	log     *os.File
	process *exec.Cmd
	exited  chan struct{}
}

// StartBuildKit starts a BuildKit on a containerd, which speaks plain HTTP to a registry,
// and waits until it answers. It runs until the test ends.
func StartBuildKit(t testing.TB, daemon *containerd.Daemon, registry string) *BuildKit {
	t.Helper()
	b := &BuildKit{t: t, dir: daemon.Dir("buildkit"), exited: make(chan struct{})}
	config := fmt.Sprintf("[registry.%q]\n  http = true\n", registry)
	if err := os.WriteFile(b.path("config.toml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if b.log, err = os.Create(b.path("log")); err != nil {
		t.Fatal(err)
	}
	b.process = exec.Command("buildkitd",
		"--config="+b.path("config.toml"), "--root="+b.path("root"), "--addr="+b.address(),
		"--oci-worker=false", "--containerd-worker=true", "--containerd-worker-addr="+daemon.Socket,
		"--containerd-worker-net=host", "--containerd-worker-snapshotter="+daemon.Snapshotter)
	b.process.Stdout, b.process.Stderr = b.log, b.log
	b.process.SysProcAttr = endsWithParent()
	if err := b.process.Start(); err != nil {
		t.Fatalf("starting buildkitd: %v", err)
	}
	go func() {
		defer close(b.exited)
		_ = b.process.Wait() // told by a signal
	}()
	t.Cleanup(b.cleanUp)
	if err := b.waitReady(); err != nil {
		t.Fatalf("waiting for buildkitd to answer: %v", err)
	}
	return b
}

func (b *BuildKit) path(name string) string { return filepath.Join(b.dir, name) }

func (b *BuildKit) address() string { return "unix://" + b.path("buildkitd.sock") }

func (b *BuildKit) waitReady() error {
	ctx, cancel := context.WithTimeout(b.t.Context(), startLimit)
	defer cancel()
	for {
		out, err := exec.CommandContext(ctx, "buildctl", "--addr="+b.address(), "debug", "workers").CombinedOutput()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-b.exited:
			return errors.New("it has exited")
		case <-ctx.Done():
			return fmt.Errorf("%w\n%s", err, out)
		}
	}
}

// Build builds a folder; the image is kept under this name. No step has a network, and
// none is taken from the cache.
func (b *BuildKit) Build(ctx context.Context, dir, ref string) Call {
	return buildctl(ctx, b.address(), dir, ref)
}

func (b *BuildKit) cleanUp() {
	b.process.Process.Signal(syscall.SIGTERM)
	select {
	case <-b.exited:
	case <-time.After(stopLimit):
		b.t.Errorf("buildkitd did not end within %s of SIGTERM", stopLimit)
		b.process.Process.Kill()
		<-b.exited
	}
	b.log.Close()
	if !b.t.Failed() {
		return
	}
	text, err := os.ReadFile(b.log.Name())
	if err != nil {
		b.t.Errorf("reading buildkitd's log: %v", err)
		return
	}
	b.t.Logf("buildkitd's log:\n%s", text)
}
