package image

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/pulltrace/pulltrace/test/deploy/buildkit"
	"github.com/pulltrace/pulltrace/test/internal/gobuild"
)

const thisPackage = "github.com/pulltrace/pulltrace/test/deploy/image"

// Build builds the image of this tree for platforms, as linux/amd64, into an archive in
// dir, and returns its path. The archive is an OCI layout as a tar. It takes minutes
// the first time, and needs Linux, root, apt-get and a C compiler: see Require.
func Build(ctx context.Context, dir string, platforms ...string) (string, error) {
	root, err := Root(ctx)
	if err != nil {
		return "", err
	}
	image, err := baseOf(root)
	if err != nil {
		return "", err
	}
	layout, err := base(ctx, root)
	if err != nil {
		return "", fmt.Errorf("making a base in place of %s: %w", image, err)
	}
	tree, err := os.MkdirTemp(dir, "tree-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tree)
	if err := checkOut(ctx, root, tree); err != nil {
		return "", fmt.Errorf("copying the tree: %w", err)
	}
	archive := filepath.Join(dir, "pulltrace.tar")
	build := buildkit.Build{Context: tree, Platforms: platforms, Base: image, Layout: layout}
	return archive, build.Archive(ctx, archive)
}

// Root returns the folder of the project.
func Root(ctx context.Context) (string, error) {
	here, err := gobuild.Dir(ctx, thisPackage)
	if err != nil {
		return "", fmt.Errorf("finding the project: %w", err)
	}
	return filepath.Join(here, "..", "..", ".."), nil
}

// baseOf returns the image that the Dockerfile's first stage begins with.
func baseOf(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 2 && words[0] == "FROM" {
			return words[2], nil // FROM --platform=… IMAGE AS build
		}
	}
	return "", fmt.Errorf("the Dockerfile has no FROM with a platform")
}

// checkOut makes a checkout of the last commit, with what has been changed since. In a
// worktree .git is not a folder, and a checkout of one's own may hold anything else.
func checkOut(ctx context.Context, root, tree string) error {
	if _, err := run(ctx, "", "git", "clone", "--quiet", "--depth=1", "file://"+root, tree); err != nil {
		return err
	}
	committed, err := files(ctx, tree, "--cached")
	if err != nil {
		return err
	}
	for _, file := range committed {
		if err := os.Remove(filepath.Join(tree, file)); err != nil {
			return err
		}
	}
	now, err := files(ctx, root, "--cached", "--others", "--exclude-standard")
	if err != nil {
		return err
	}
	for _, file := range now {
		if err := copyFile(filepath.Join(root, file), filepath.Join(tree, file)); err != nil {
			return err
		}
	}
	return nil
}

// files returns the paths that git ls-files tells.
func files(ctx context.Context, dir string, which ...string) ([]string, error) {
	out, err := run(ctx, dir, "git", append([]string{"ls-files", "-z"}, which...)...)
	if err != nil {
		return nil, err
	}
	return strings.FieldsFunc(out, func(r rune) bool { return r == 0 }), nil
}

// copyFile copies a file with its mode. One that is gone is left out: it was deleted
// and that is not committed.
func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, data, info.Mode().Perm())
}

// run returns what a command prints; what it complains of is in the error.
func run(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", name, args[0], err, out, stderr.String())
	}
	return string(out), nil
}
