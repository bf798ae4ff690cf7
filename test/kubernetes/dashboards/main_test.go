//go:build linux

package dashboards

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/pulltrace/pulltrace/test/kubernetes/node"
	"github.com/pulltrace/pulltrace/test/peers/collector"
	"github.com/pulltrace/pulltrace/test/peers/prometheus"
)

func TestMain(m *testing.M) { os.Exit(node.Main(m, prepare)) }

// prepare builds the peers.
func prepare(ctx context.Context, _ string) error {
	_, prom := prometheus.Build(ctx)
	_, otel := collector.Build(ctx)
	return errors.Join(prom, otel)
}
