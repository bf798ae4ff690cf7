// Package promtool builds Prometheus' promtool, which checks and tests rules.
//
// It is the one of the Prometheus that test/peers pins, built once and kept in the
// user's cache folder.
package promtool

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/pulltrace/pulltrace/test/internal/gobuild"
)

const (
	thisPackage = "github.com/pulltrace/pulltrace/test/promtool"
	module      = "github.com/prometheus/prometheus"
	pinned      = "../peers/prometheus/v3.16"
)

// Path returns where promtool is, and builds it first where that has not been done.
// Several processes may call it at once.
func Path(ctx context.Context) (string, error) {
	src, err := source(ctx)
	if err != nil {
		return "", err
	}
	version, err := Version(ctx)
	if err != nil {
		return "", err
	}
	dir, err := gobuild.Cached("promtool", src, version, func(out string) error {
		return gobuild.Build(ctx, src, out, []string{"-tags", "netgo,remove_all_sd", "-ldflags", "-s -w"}, module+"/cmd/promtool")
	})
	return filepath.Join(dir, "promtool"), err
}

// Version returns the version of the pinned Prometheus as a module: 3.16 is v0.316.
func Version(ctx context.Context) (string, error) {
	src, err := source(ctx)
	if err != nil {
		return "", err
	}
	version, err := gobuild.Version(ctx, src, module)
	if err != nil {
		return "", fmt.Errorf("reading the pinned version of Prometheus: %w", err)
	}
	return version, nil
}

func source(ctx context.Context) (string, error) {
	here, err := gobuild.Dir(ctx, thisPackage)
	if err != nil {
		return "", fmt.Errorf("finding the pinned Prometheus: %w", err)
	}
	return filepath.Join(here, pinned), nil
}
