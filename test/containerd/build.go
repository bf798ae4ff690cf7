package containerd

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

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
	return gobuild.Cached("containerd", src, version, func(out string) error {
		return gobuild.Build(ctx, src, out,
			[]string{"-tags", "no_btrfs,no_zfs,no_devmapper", "-ldflags", "-s -w -X " + module + "/version.Version=" + version},
			module+"/cmd/containerd", module+"/cmd/containerd-shim-runc-v2", module+"/cmd/ctr")
	})
}

// moduleOf is the path of containerd's own module.
func moduleOf(minor string) string {
	const module = "github.com/containerd/containerd"
	if strings.HasPrefix(minor, "1.") {
		return module
	}
	return module + "/v2"
}
