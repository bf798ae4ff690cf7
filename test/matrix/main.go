// Matrix runs the end-to-end suite on every pinned version of containerd, one
// after another, and writes a table of each scenario on each version.
//
//	go run ./matrix ../docs/matrix.md -run 'TestPull'
//
// What follows the file is for go test. It fails when a test has failed.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		log.Fatal("usage: go run ./matrix FILE [flags of go test]")
	}
	failed, err := run(context.Background(), os.Args[1], os.Args[2:])
	switch {
	case err != nil:
		log.Fatal(err)
	case failed > 0:
		log.Fatalf("%d scenarios failed, see %s", failed, os.Args[1])
	}
}

// run fills the file at path with the table, and counts the cells that failed.
func run(ctx context.Context, path string, flags []string) (failed int, err error) {
	versions, err := pinned()
	if err != nil {
		return 0, err
	}
	t := table{versions: versions, cells: make(map[string]map[string]*cell)}
	for _, version := range versions {
		log.Printf("containerd %s", version)
		if err := t.suite(ctx, version, flags); err != nil {
			return 0, fmt.Errorf("the suite on containerd %s: %w", version, err)
		}
	}
	return t.failed(), os.WriteFile(path, []byte(t.markdown()), 0o644)
}

// pinned are the minor versions that have a folder, oldest first.
func pinned() ([]string, error) {
	dirs, err := filepath.Glob("containerd/v*/go.mod")
	if err != nil || len(dirs) == 0 {
		return nil, fmt.Errorf("no containerd is pinned below %s: %w", "containerd", err)
	}
	var versions []string
	for _, dir := range dirs {
		versions = append(versions, strings.TrimPrefix(filepath.Base(filepath.Dir(dir)), "v"))
	}
	slices.Sort(versions) // of one digit each
	return versions, nil
}

// suite runs the suite on one version. Tests that fail are no error.
func (t *table) suite(ctx context.Context, version string, flags []string) error {
	args := append([]string{"test", "-json", "-count=1", "-parallel=4", "-timeout=20m"}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, "./e2e")...)
	cmd.Env = append(os.Environ(), "PULLTRACE_TEST_CONTAINERD="+version)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	tests, err := t.read(version, out)
	exit := cmd.Wait()
	if err != nil {
		return err
	}
	if tests == 0 {
		return fmt.Errorf("no test has run: %w", exit)
	}
	return nil
}
