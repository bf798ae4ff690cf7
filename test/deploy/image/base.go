package image

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulltrace/pulltrace/test/deploy/debian"
	"github.com/pulltrace/pulltrace/test/internal/gobuild"
)

// recipe is the version of what follows: another one makes the base anew.
const recipe = "v1"

// packages are what the Dockerfile's steps need of Debian, as golang has it.
var packages = []string{"ca-certificates", "coreutils", "dash", "git", "make"}

// environment is golang's, but that modules come from the base itself.
var environment = []string{
	"PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"GOPATH=/go",
	"GOTOOLCHAIN=local",
	"GOPROXY=file:///modules",
}

// base returns a folder with the OCI layout of what stands for golang. It is made
// anew when go.sum changes.
func base(ctx context.Context, root string) (string, error) {
	return gobuild.Cached("golang", root, recipe, func(out string) error {
		fs, err := os.MkdirTemp(out, "root-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(fs)
		if err := debian.Unpack(ctx, fs, packages...); err != nil {
			return err
		}
		for _, dir := range []string{"tmp", "root", "go"} {
			if err := os.MkdirAll(filepath.Join(fs, dir), 0o755); err != nil { // base-files has them
				return err
			}
		}
		if err := certificates(fs); err != nil {
			return err
		}
		if err := toolchain(ctx, fs); err != nil {
			return err
		}
		if err := modules(ctx, root, filepath.Join(fs, "modules")); err != nil {
			return err
		}
		return layout(ctx, out, fs, environment)
	})
}

// certificates makes the one file of all authorities, as ca-certificates' script does.
func certificates(fs string) error {
	paths, err := filepath.Glob(filepath.Join(fs, "usr/share/ca-certificates/mozilla/*.crt"))
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return errors.New("ca-certificates has no certificates")
	}
	var all []byte
	for _, path := range paths {
		one, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		all = append(all, one...)
	}
	return os.WriteFile(filepath.Join(fs, "etc/ssl/certs/ca-certificates.crt"), all, 0o644)
}

// toolchain copies this machine's Go.
func toolchain(ctx context.Context, fs string) error {
	goroot, err := run(ctx, "", "go", "env", "GOROOT")
	if err != nil {
		return err
	}
	to := filepath.Join(fs, "usr", "local", "go")
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	_, err = run(ctx, "", "cp", "-a", strings.TrimSpace(goroot)+"/.", to)
	return err
}

// modules makes a folder that is a module proxy of what go.mod names.
func modules(ctx context.Context, root, to string) error {
	cache, err := os.MkdirTemp(filepath.Dir(to), "modcache-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(cache)
	out, err := run(ctx, root, "go", "env", "GOMODCACHE", "GOPROXY")
	if err != nil {
		return err
	}
	local, proxy, _ := strings.Cut(strings.TrimSpace(out), "\n")
	_, err = run(ctx, root, "env",
		"GOMODCACHE="+cache, "GOFLAGS=-modcacherw", "GOWORK=off",
		"GOPROXY=file://"+local+"/cache/download,"+proxy, // what is here already is not fetched again
		"go", "mod", "download")
	if err != nil {
		return err
	}
	return os.Rename(filepath.Join(cache, "cache", "download"), to)
}
