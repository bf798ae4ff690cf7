// Package runc finds a runc for the daemons of a test.
package runc

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/pulltrace/pulltrace/test/internal/gobuild"
)

// Path returns the path of a runc: this machine's, or else Debian's. It is the one part
// of a node that is not built here: it needs C and libseccomp.
func Path(ctx context.Context) (string, error) {
	if path, err := exec.LookPath("runc"); err == nil {
		return path, nil
	}
	path, err := debian(ctx)
	if err != nil {
		return "", fmt.Errorf("there is no runc on this machine, and none of Debian's: %w", err)
	}
	return path, nil
}

// debian returns the path of Debian's runc, which is unpacked into the user's cache
// folder and installed nowhere.
func debian(ctx context.Context) (string, error) {
	dir, err := gobuild.Once("runc/debian", func(out string) error {
		const script = `apt-get download runc || { apt-get update && apt-get download runc; } && dpkg -x runc_*.deb .`
		cmd := exec.CommandContext(ctx, "sh", "-c", script)
		cmd.Dir = out
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w\n%s", err, said)
		}
		return nil
	})
	return filepath.Join(dir, "usr", "sbin", "runc"), err
}
