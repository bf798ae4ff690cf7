package collector

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/pulltrace/pulltrace/test/internal/gobuild"
	"github.com/pulltrace/pulltrace/test/peers/internal/server"
)

const (
	thisPackage = "github.com/pulltrace/pulltrace/test/peers/collector"
	module      = "go.opentelemetry.io/collector/otelcol"
)

// Build returns the path of the Collector, which it builds first where that has
// not been done. Several processes may call it at once.
func Build(ctx context.Context) (string, error) {
	here, err := gobuild.Dir(ctx, thisPackage)
	if err != nil {
		return "", fmt.Errorf("finding the pinned Collector: %w", err)
	}
	src := filepath.Join(here, "otelcol")
	version, err := gobuild.Version(ctx, src, module)
	if err != nil {
		return "", fmt.Errorf("reading the pinned version of the Collector: %w", err)
	}
	bin, err := gobuild.Cached("collector", src, version, func(out string) error {
		return gobuild.Build(ctx, src, out, []string{"-ldflags", "-s -w"}, ".")
	})
	return filepath.Join(bin, "otelcol"), err
}

// Start starts a Collector with these configuration files, each of which is laid
// over those before it, and waits until it listens on all the addresses.
func Start(t testing.TB, addresses []string, configs ...string) {
	t.Helper()
	path, err := Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var args []string
	for _, config := range configs {
		args = append(args, "--config=file:"+config)
	}
	server.Start(t, path, args, addresses)
}
