package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/pulltrace/pulltrace/test/deploy/buildkit"
	"github.com/pulltrace/pulltrace/test/internal/gobuild"
)

const (
	thisModule = "github.com/pulltrace/pulltrace/test/docker"

	// Newest is the version that is taken where none is asked for.
	Newest = "29"
)

// Versions are the versions of Docker that are pinned, each in a module of its own.
func Versions() []string { return []string{"28", Newest} }

// source is the module that a version of dockerd comes from.
type source struct{ module, tags string }

var sources = map[string]source{
	"28": {"github.com/docker/docker", "exclude_graphdriver_btrfs"},
	"29": {"github.com/moby/moby/v2", "exclude_graphdriver_btrfs,nri_no_wasm"},
}

// Build returns the folder that holds dockerd of a version, and builds it first where
// that has not been done. Several processes may call it at once.
func Build(ctx context.Context, version string) (string, error) {
	from, ok := sources[version]
	if !ok {
		return "", fmt.Errorf("no Docker %s is pinned", version)
	}
	here, err := gobuild.Dir(ctx, thisModule+"/engine")
	if err != nil {
		return "", fmt.Errorf("finding the pinned Docker: %w", err)
	}
	src := filepath.Join(here, "..", "v"+version)
	exact, err := gobuild.Version(ctx, src, from.module)
	if err != nil {
		return "", fmt.Errorf("reading the pinned version of Docker %s: %w", version, err)
	}
	return gobuild.Cached("docker", src, exact, func(out string) error {
		return gobuild.Build(ctx, src, out,
			[]string{"-tags", from.tags, "-ldflags", "-s -w -X " + from.module + "/dockerversion.Version=" + version},
			from.module+"/cmd/dockerd")
	})
}

// Require skips the test where a Docker Engine cannot run. In CI nothing may be skipped, so
// there it fails instead.
func Require(t testing.TB) {
	t.Helper()
	reason := buildkit.CannotRun()
	switch {
	case reason == "":
	case os.Getenv("CI") == "true":
		t.Fatalf("Docker cannot run here: %s", reason)
	default:
		t.Skipf("Docker cannot run here: %s", reason)
	}
}

// Tools builds what else a Docker Engine needs, and puts it at the head of this process's
// PATH, which the daemons that it starts have as well: runc, for Debian's may be too old for
// containers of this Docker, and BuildKit's daemon and client.
func Tools(ctx context.Context) error {
	tools, err := buildkit.Binaries(ctx)
	if err != nil {
		return err
	}
	return os.Setenv("PATH", tools+string(os.PathListSeparator)+os.Getenv("PATH"))
}
