package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/pulltrace/pulltrace/collector"
	"github.com/pulltrace/pulltrace/collector/containerd"
	"github.com/pulltrace/pulltrace/collector/telemetry"
	"github.com/pulltrace/pulltrace/collector/telemetry/export"
)

// settings are what the flags say.
type settings struct {
	source    containerd.Config
	collector collector.Config
	node      telemetry.Node

	layerMetrics  bool
	kubernetes    kubernetesFlags
	healthAddress string
}

func command() *cli.Command {
	var s settings
	var logLevel, logFormat string
	return &cli.Command{
		Name:        "pulltrace",
		Usage:       "tell what this node pulls, whether it moves, and where the time went",
		Description: description,
		Version:     buildVersion(),
		HideVersion: true, // there is a command for it, which tells more

		CustomRootCommandHelpTemplate: helpTemplate,
		OnUsageError: func(_ context.Context, _ *cli.Command, err error, _ bool) error {
			return fmt.Errorf("%w; see pulltrace --help", err) // the help itself would hide it
		},
		Flags: []cli.Flag{
			&cli.StringFlag{
				Name: "containerd-address", Value: "/run/containerd/containerd.sock", Destination: &s.source.Address,
				Usage: "unix socket of containerd; it may come later", Sources: cli.EnvVars("PULLTRACE_CONTAINERD_ADDRESS"),
			},
			&cli.StringSliceFlag{
				Name: "containerd-namespace", Destination: &s.source.Namespaces,
				Usage: "containerd namespace to watch, may be repeated; all when left out", Sources: cli.EnvVars("PULLTRACE_CONTAINERD_NAMESPACE"),
			},
			&cli.IntFlag{
				Name: "max-concurrent-downloads", Value: 3, Destination: &s.source.MaxConcurrentDownloads,
				Usage: "as in containerd's own configuration; tells queued layers from stalled ones", Sources: cli.EnvVars("PULLTRACE_MAX_CONCURRENT_DOWNLOADS"),
			},
			&cli.DurationFlag{
				Name: "poll-interval", Value: time.Second, Destination: &s.collector.PollInterval,
				Usage: "how often to look while a pull runs", Sources: cli.EnvVars("PULLTRACE_POLL_INTERVAL"),
			},
			&cli.DurationFlag{
				Name: "idle-interval", Value: 10 * time.Second, Destination: &s.collector.IdleInterval,
				Usage: "how often to look while none runs; containerd's events wake it at once", Sources: cli.EnvVars("PULLTRACE_IDLE_INTERVAL"),
			},
			&cli.DurationFlag{
				Name: "stall-threshold", Value: time.Minute, Destination: &s.collector.StallThreshold,
				Usage: "how long a pull may stand still before it is stalled", Sources: cli.EnvVars("PULLTRACE_STALL_THRESHOLD"),
			},
			&cli.BoolFlag{
				Name: "layer-metrics", Value: true, Destination: &s.layerMetrics,
				Usage: "export series of each layer that is fetched, too", Sources: cli.EnvVars("PULLTRACE_LAYER_METRICS"),
			},
			&cli.StringFlag{
				Name: "node-name", Destination: &s.node.Name,
				Usage: "name of the Kubernetes node; the host name, as a host, when left out", Sources: cli.EnvVars("PULLTRACE_NODE_NAME", "K8S_NODE_NAME"),
			},
			&cli.StringFlag{
				Name: "kubernetes", Value: kubernetesAuto, Destination: &s.kubernetes.mode,
				Usage: "watch the pods of the node that wait for an image: auto (in a cluster, or with --kubeconfig), on or off", Sources: cli.EnvVars("PULLTRACE_KUBERNETES"),
			},
			&cli.StringFlag{
				Name: "kubeconfig", Destination: &s.kubernetes.kubeconfig,
				Usage: "file that says how to reach Kubernetes; the pod's own access when left out", Sources: cli.EnvVars("PULLTRACE_KUBECONFIG"),
			},
			&cli.StringFlag{
				Name: "health-address", Value: ":13133", Destination: &s.healthAddress,
				Usage: "where /livez and /readyz answer; nowhere when empty", Sources: cli.EnvVars("PULLTRACE_HEALTH_ADDRESS"),
			},
			&cli.StringFlag{
				Name: "log-level", Value: "info", Destination: &logLevel,
				Usage: "debug, info, warn or error", Sources: cli.EnvVars("PULLTRACE_LOG_LEVEL"),
			},
			&cli.StringFlag{
				Name: "log-format", Value: "text", Destination: &logFormat,
				Usage: "text or json", Sources: cli.EnvVars("PULLTRACE_LOG_FORMAT"),
			},
		},
		Commands: []*cli.Command{versionCommand()},
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return fmt.Errorf("unknown command %q; see pulltrace --help", c.Args().First())
			}
			// All that is wrong at once, and before containerd is waited for.
			if err := errors.Join(s.complete(), export.Check()); err != nil {
				return err
			}
			log, err := newLogger(logLevel, logFormat)
			if err != nil {
				return err
			}
			s.collector.Logger = log
			return run(ctx, s, log)
		},
	}
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
