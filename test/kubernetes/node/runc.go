//go:build linux

package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// findRunc returns a folder that holds runc: the machine's own, or else Debian's, which
// is unpacked into the user's cache folder and installed nowhere. It is the one part
// that is not built here: it needs C and libseccomp.
func findRunc(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "pulltrace", "runc")
	if _, err := os.Stat(filepath.Join(dir, "runc")); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	unfinished, err := os.MkdirTemp(filepath.Dir(dir), "runc-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(unfinished)
	ready := filepath.Join(unfinished, "bin")
	if err := os.Mkdir(ready, 0o755); err != nil {
		return "", err
	}
	path, err := exec.LookPath("runc")
	if err != nil {
		if path, err = debianRunc(ctx, unfinished); err != nil {
			return "", fmt.Errorf("there is no runc on this machine, and none of Debian's: %w", err)
		}
		if err := os.Rename(path, filepath.Join(ready, "runc")); err != nil {
			return "", err
		}
	} else if err := os.Symlink(path, filepath.Join(ready, "runc")); err != nil {
		return "", err
	}
	return dir, os.Rename(ready, dir)
}

// debianRunc unpacks Debian's package below dir, and returns the path of its program.
func debianRunc(ctx context.Context, dir string) (string, error) {
	const script = `apt-get download runc || { apt-get update && apt-get download runc; } && dpkg -x runc_*.deb .`
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return filepath.Join(dir, "usr", "sbin", "runc"), nil
}
