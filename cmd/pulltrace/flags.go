package main

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/pulltrace/pulltrace/collector"
	"github.com/pulltrace/pulltrace/collector/containerd"
	"github.com/pulltrace/pulltrace/collector/telemetry"
)

// settings are what the flags say.
type settings struct {
	source    containerd.Config
	collector collector.Config
	node      telemetry.Node

	layerMetrics  bool
	kubernetes    kubernetesFlags
	healthAddress string

	logLevel, logFormat string
}

// flags returns the flags that set s. Each has its variables too, see readVariables.
func (s *settings) flags() *pflag.FlagSet {
	f := pflag.NewFlagSet("pulltrace", pflag.ContinueOnError)
	f.SortFlags = false // the help has them in this order

	f.StringVar(&s.source.Address, "containerd-address", "/run/containerd/containerd.sock",
		"unix socket of containerd; it may come later")
	f.StringSliceVar(&s.source.Namespaces, "containerd-namespace", nil,
		"containerd namespace to watch, may be repeated; all when left out")
	f.IntVar(&s.source.MaxConcurrentDownloads, "max-concurrent-downloads", 3,
		"as in containerd's own configuration; tells queued layers from stalled ones")
	f.DurationVar(&s.collector.PollInterval, "poll-interval", time.Second,
		"how often to look while a pull runs")
	f.DurationVar(&s.collector.IdleInterval, "idle-interval", 10*time.Second,
		"how often to look while none runs; containerd's events wake it at once")
	f.DurationVar(&s.collector.StallThreshold, "stall-threshold", time.Minute,
		"how long a pull may stand still before it is stalled")
	f.BoolVar(&s.layerMetrics, "layer-metrics", true,
		"export series of each layer that is fetched, too")
	f.StringVar(&s.node.Name, "node-name", "",
		"name of the Kubernetes node; the host name, as a host, when left out")
	f.StringVar(&s.kubernetes.mode, "kubernetes", kubernetesAuto,
		"watch the pods of the node that wait for an image: auto (in a cluster, or with --kubeconfig), on or off")
	f.StringVar(&s.kubernetes.kubeconfig, "kubeconfig", "",
		"file that says how to reach Kubernetes; the pod's own access when left out")
	f.StringVar(&s.healthAddress, "health-address", ":13133",
		"where /livez and /readyz answer; nowhere when empty")
	f.StringVar(&s.logLevel, "log-level", "info",
		"debug, info, warn or error")
	f.StringVar(&s.logFormat, "log-format", "text",
		"text or json")
	return f
}

// complete checks the settings and fills in what was left out.
func (s *settings) complete() error {
	for flag, d := range map[string]time.Duration{
		"poll-interval": s.collector.PollInterval, "idle-interval": s.collector.IdleInterval, "stall-threshold": s.collector.StallThreshold,
	} {
		if d <= 0 {
			return fmt.Errorf("--%s must be more than 0, not %s", flag, d)
		}
	}
	if n := s.source.MaxConcurrentDownloads; n < 1 {
		return fmt.Errorf("--max-concurrent-downloads must be at least 1, not %d", n)
	}
	if err := s.kubernetes.complete(s.node.Name); err != nil {
		return err
	}
	s.node.Kubernetes = s.node.Name != ""
	if !s.node.Kubernetes {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("host name (give --node-name): %w", err)
		}
		s.node.Name = host
	}
	return nil
}

func newLogger(level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level: %w", err)
	}
	options := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(os.Stderr, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(os.Stderr, options)), nil
	default:
		return nil, fmt.Errorf("--log-format: text or json, not %q", format)
	}
}
