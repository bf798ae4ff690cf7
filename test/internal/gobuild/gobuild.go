// Package gobuild builds the programs under test with the go command.
package gobuild

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Dir returns the folder of a package of this module.
func Dir(ctx context.Context, pkg string) (string, error) {
	return run(ctx, "", "list", "-f", "{{.Dir}}", pkg)
}

// Version returns the version of a module that the module in dir requires.
func Version(ctx context.Context, dir, module string) (string, error) {
	return run(ctx, dir, "list", "-m", "-f", "{{.Version}}", module)
}

// Build builds packages of the module in dir into the folder out. The flags
// are those of go build; C is left out, as in what is shipped.
func Build(ctx context.Context, dir, out string, flags []string, pkgs ...string) error {
	return build(ctx, noC, dir, out, flags, pkgs)
}

// BuildWithC is Build for programs that are partly C, which it links statically, too.
// It needs a C compiler; env has the further variables of cgo.
func BuildWithC(ctx context.Context, env []string, dir, out string, flags []string, pkgs ...string) error {
	static := []string{"-ldflags", "-s -w -linkmode external -extldflags -static"}
	return build(ctx, append(env, "CGO_ENABLED=1"), dir, out, append(static, flags...), pkgs)
}

func build(ctx context.Context, env []string, dir, out string, flags, pkgs []string) error {
	args := append([]string{"build", "-trimpath", "-buildvcs=false", "-o", out + "/"}, flags...)
	_, err := runWith(ctx, env, dir, append(args, pkgs...)...)
	return err
}

var noC = []string{"CGO_ENABLED=0"}

func run(ctx context.Context, dir string, args ...string) (string, error) {
	return runWith(ctx, noC, dir, args...)
}

func runWith(ctx context.Context, env []string, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "GOWORK=off"), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}
