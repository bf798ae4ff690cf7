// Package debian unpacks Debian's packages into a folder, without installing them.
package debian

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Unpack unpacks packages and all that they depend on into fs, from where this
// machine's apt-get takes them. The machine's own state of packages is not touched.
// Scripts of the packages do not run.
func Unpack(ctx context.Context, fs string, packages ...string) error {
	apt, err := os.MkdirTemp("", "pulltrace-apt-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(apt)
	for _, dir := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(apt, dir), 0o755); err != nil {
			return err
		}
	}
	none := filepath.Join(apt, "status") // as if nothing were installed: all are needed
	if err := os.WriteFile(none, nil, 0o644); err != nil {
		return err
	}
	// Who downloads is root here, not the user _apt: the folder is root's.
	options := []string{
		"-q", "-y", "-o", "APT::Sandbox::User=root",
		"-o", "Dir::State=" + apt + "/state", "-o", "Dir::Cache=" + apt + "/cache", "-o", "Dir::State::status=" + none,
	}
	install := []string{"--no-install-recommends", "--download-only", "install"}
	for _, command := range [][]string{{"update"}, append(install, packages...)} {
		if err := run(ctx, "apt-get", slices.Concat(options, command)...); err != nil {
			return err
		}
	}
	archives, err := filepath.Glob(apt + "/cache/archives/*.deb")
	if err != nil {
		return err
	}
	if len(archives) < len(packages) {
		return errors.New("apt-get has downloaded too little")
	}
	return unpack(ctx, fs, archives)
}

// unpack unpacks packages with /usr merged, as Debian's installer does.
func unpack(ctx context.Context, fs string, archives []string) error {
	for _, dir := range []string{"bin", "sbin", "lib", "lib64"} {
		if err := os.MkdirAll(filepath.Join(fs, "usr", dir), 0o755); err != nil {
			return err
		}
		if err := os.Symlink("usr/"+dir, filepath.Join(fs, dir)); err != nil {
			return err
		}
	}
	for _, deb := range archives {
		const script = `dpkg-deb --fsys-tarfile "$1" | tar --keep-directory-symlink -x -C "$2"`
		if err := run(ctx, "sh", "-c", script, "sh", deb, fs); err != nil {
			return err
		}
	}
	return nil
}

func run(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}
