// Generate writes what is made of the chart: the reference of its values and the
// plain manifests. `make generate` runs it.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pulltrace/pulltrace/test/deploy"
)

func main() {
	if err := generate(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate(ctx context.Context) error {
	files, err := deploy.Generated(ctx)
	if err != nil {
		return err
	}
	chart, err := deploy.ChartDir(ctx)
	if err != nil {
		return err
	}
	for path, content := range files {
		if err := os.WriteFile(filepath.Join(chart, "..", "..", path), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
