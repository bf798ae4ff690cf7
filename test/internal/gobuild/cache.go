package gobuild

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// Cached returns the folder of what build makes of the module in src, in the
// user's cache folder below the name, and has it made first where that has not been
// done. The folder is another one for each version, go.sum and Go.
func Cached(name, src, version string, build func(out string) error) (string, error) {
	sum, err := os.ReadFile(filepath.Join(src, "go.sum"))
	if err != nil {
		return "", err
	}
	id := sha256.Sum256(fmt.Append(sum, runtime.Version(), runtime.GOARCH))
	return Once(filepath.Join(name, fmt.Sprintf("%s-%x", version, id[:6])), build)
}

// Once returns the folder of this name in the user's cache folder, and has build make
// what is in it where that has not been done. Several processes may call it at once:
// one builds, the others wait.
func Once(name string, build func(out string) error) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "pulltrace", name)
	unlock, err := Lock(dir + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	// A folder under its final name is complete, whenever the build was killed.
	unfinished, err := os.MkdirTemp(filepath.Dir(dir), "build-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(unfinished)
	if err := build(unfinished); err != nil {
		return "", fmt.Errorf("making %s: %w", name, err)
	}
	return dir, os.Rename(unfinished, dir)
}

// Lock takes the lock file at path for this process, and returns what gives it
// back. It goes with the process, too.
func Lock(path string) (unlock func(), err error) {
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
