//go:build linux

package kubernetes

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/pulltrace/pulltrace/test/deploy"
	"github.com/pulltrace/pulltrace/test/deploy/image"
	"github.com/pulltrace/pulltrace/test/kubernetes/node"
)

// imageVariable names the archive with Pulltrace's own image.
const imageVariable = "PULLTRACE_TEST_IMAGE"

func TestMain(m *testing.M) { os.Exit(node.Main(suite{m}, prepare)) }

// suite are the tests, and what is asked of all of them together.
type suite struct{ tests *testing.M }

// Run runs them, and returns the exit code.
func (s suite) Run() int {
	code := s.tests.Run()
	if code == 0 && !allEmitted() {
		code = 1
	}
	return code
}

// prepare builds Helm, and Pulltrace's own image where that can be done.
func prepare(ctx context.Context, dir string) error {
	if _, err := deploy.Helm(ctx); err != nil {
		return fmt.Errorf("building Helm: %w", err)
	}
	if os.Getenv(imageVariable) != "" || image.CannotBuild() != "" {
		return nil
	}
	path, err := image.Build(ctx, dir, "linux/"+runtime.GOARCH)
	if err != nil {
		return fmt.Errorf("building the image of Pulltrace: %w", err)
	}
	return os.Setenv(imageVariable, path)
}
