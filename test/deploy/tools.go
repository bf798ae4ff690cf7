package deploy

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/pulltrace/pulltrace/test/internal/gobuild"
)

const thisPackage = "github.com/pulltrace/pulltrace/test/deploy"

// Helm returns the path of helm, and builds it first where that has not been done.
// Several processes may call it at once.
func Helm(ctx context.Context) (string, error) {
	const module = "helm.sh/helm/v4"
	dir, err := built(ctx, "helm", "v4.3", module, module+"/cmd/helm")
	return filepath.Join(dir, "helm"), err
}

// helmDocs returns the path of helm-docs.
func helmDocs(ctx context.Context) (string, error) {
	const module = "github.com/norwoodj/helm-docs"
	dir, err := built(ctx, "helmdocs", "v1.14", module, module+"/cmd/helm-docs")
	return filepath.Join(dir, "helm-docs"), err
}

// built returns the folder with commands of a module that the module in name/pin
// pins.
func built(ctx context.Context, name, pin, module string, commands ...string) (string, error) {
	here, err := gobuild.Dir(ctx, thisPackage)
	if err != nil {
		return "", fmt.Errorf("finding the pinned %s: %w", name, err)
	}
	src := filepath.Join(here, name, pin)
	version, err := gobuild.Version(ctx, src, module)
	if err != nil {
		return "", fmt.Errorf("reading the pinned version of %s: %w", name, err)
	}
	return gobuild.Cached(name, src, version, func(out string) error {
		return gobuild.Build(ctx, src, out, []string{"-ldflags", "-s -w"}, commands...)
	})
}

// root returns the folder of the whole project.
func root(ctx context.Context) (string, error) {
	here, err := gobuild.Dir(ctx, thisPackage)
	if err != nil {
		return "", fmt.Errorf("finding the project: %w", err)
	}
	return filepath.Join(here, "..", ".."), nil
}
