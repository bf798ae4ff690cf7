package containerd

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/pulltrace/pulltrace/test/internal/gobuild"
)

const (
	thisPackage = "github.com/pulltrace/pulltrace/test/containerd"

	// Newest is the minor version that is taken where none is asked for.
	Newest = "2.4"
)

// Build returns the folder that holds containerd, its shim and ctr of a minor
// version, and builds them first where that has not been done. Several processes
// may call it at once: one builds, the others wait.
func Build(ctx context.Context, minor string) (string, error) {
	here, err := gobuild.Dir(ctx, thisPackage)
	if err != nil {
		return "", fmt.Errorf("finding the pinned containerd: %w", err)
	}
	src, module := filepath.Join(here, "v"+minor), moduleOf(minor)
	version, err := gobuild.Version(ctx, src, module)
	if err != nil {
		return "", fmt.Errorf("reading the pinned version of containerd %s: %w", minor, err)
	}
	bin, err := cacheDir(src, version)
	if err != nil {
		return "", err
	}
	unlock, err := lock(bin + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	// A folder under its final name is complete, whenever the build was killed.
	unfinished, err := os.MkdirTemp(filepath.Dir(bin), "build-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(unfinished)
	err = gobuild.Build(ctx, src, unfinished,
		[]string{"-tags", "no_btrfs,no_zfs,no_devmapper", "-ldflags", "-s -w -X " + module + "/version.Version=" + version},
		module+"/cmd/containerd", module+"/cmd/containerd-shim-runc-v2", module+"/cmd/ctr")
	if err != nil {
		return "", fmt.Errorf("building containerd %s: %w", version, err)
	}
	return bin, os.Rename(unfinished, bin)
}

// moduleOf is the path of containerd's own module.
func moduleOf(minor string) string {
	const module = "github.com/containerd/containerd"
	if strings.HasPrefix(minor, "1.") {
		return module
	}
	return module + "/v2"
}

// cacheDir names the folder for what is built of src with this Go.
func cacheDir(src, version string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum, err := os.ReadFile(filepath.Join(src, "go.sum"))
	if err != nil {
		return "", err
	}
	id := sha256.Sum256(fmt.Append(sum, runtime.Version(), runtime.GOARCH))
	return filepath.Join(cache, "pulltrace", "containerd", fmt.Sprintf("%s-%x", version, id[:6])), nil
}

// lock takes the lock file at path for this process, and returns what gives it
// back. It goes with the process, too.
func lock(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}
