// Pulltrace watches the image pulls of a node's container runtime and exports
// them by OTLP. This package wires the parts, and does nothing else.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/pulltrace/pulltrace/collector"
	"github.com/pulltrace/pulltrace/collector/containerd"
	"github.com/pulltrace/pulltrace/collector/eventlog"
	"github.com/pulltrace/pulltrace/collector/health"
	"github.com/pulltrace/pulltrace/collector/memory"
	"github.com/pulltrace/pulltrace/collector/telemetry"
	"github.com/pulltrace/pulltrace/collector/telemetry/export"
)

func main() {
	boundGarbage()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := execute(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pulltrace:", err)
		os.Exit(1)
	}
}

// execute does what the arguments and the variables say.
func execute(ctx context.Context, args []string, out io.Writer) error {
	var s settings
	flags := s.flags()
	flags.Usage = func() { fmt.Fprint(out, help(flags)) } // for --help and -h
	if err := flags.Parse(args); errors.Is(err, pflag.ErrHelp) {
		return nil
	} else if err != nil {
		return fmt.Errorf("%w; see pulltrace --help", err)
	}
	if err := readVariables(flags); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		switch command := flags.Arg(0); command {
		case "version":
			_, err := fmt.Fprintln(out, buildInfo())
			return err
		case "help":
			flags.Usage()
			return nil
		default:
			return fmt.Errorf("unknown command %q; see pulltrace --help", command)
		}
	}

	// All that is wrong at once, and before containerd is waited for.
	if err := errors.Join(s.complete(), export.Check()); err != nil {
		return err
	}
	log, err := newLogger(s.logLevel, s.logFormat)
	if err != nil {
		return err
	}
	s.collector.Logger = log
	return run(ctx, s, log)
}

// shutdownTimeout bounds the last export. Kubernetes kills after 30 s.
const shutdownTimeout = 10 * time.Second

// run watches until ctx is done, then exports what is left.
func run(ctx context.Context, s settings, log *slog.Logger) (err error) {
	source, err := containerd.New(s.source)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	if s.collector.Pods, err = s.kubernetes.pods(s.node.Name, log); err != nil {
		return err
	}
	var reporters []collector.Reporter
	if s.healthAddress != "" {
		server, err := health.Listen(ctx, s.healthAddress, max(s.collector.PollInterval, s.collector.IdleInterval))
		if err != nil {
			return fmt.Errorf("--health-address: %w", err)
		}
		defer server.Close()
		reporters = append(reporters, server)
	}

	id := telemetry.Identity{Version: buildVersion(), Node: s.node, Runtime: "containerd"}
	if id.RuntimeVersion, err = source.Version(ctx); err != nil {
		log.Warn("the runtime's version is not known", "error", err)
	}
	sdk, err := telemetry.Setup(ctx, id, log)
	if err != nil {
		return err
	}
	reporter, err := telemetry.NewReporter(sdk, id)
	if err != nil {
		return err
	}
	reporter.LayerMetrics = s.layerMetrics
	log.Info("watching containerd", "address", s.source.Address, "node", s.node.Name, "version", id.Version)
	collector.New(s.collector, source, append(reporters, reporter, eventlog.New(log), memory.New())...).Run(ctx)

	log.Info("stopping")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	reporter.Close(ctx)
	if err := sdk.Shutdown(ctx); err != nil {
		log.Warn("the last export failed", "error", err)
	}
	return nil
}
