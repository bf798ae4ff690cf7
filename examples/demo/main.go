// The demo pulls a few images, each with a fate of its own, into a containerd
// that lives in this process, and shows what Pulltrace sees of it from outside:
// live while they are pulled, then the traces and metrics that it exported.
//
// It needs no root, no network and nothing installed, and leaves nothing behind.
// Where OTEL_EXPORTER_OTLP_ENDPOINT is set, the telemetry goes there as well.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(),
		os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE) // none of them may keep us from cleaning up
	var log bytes.Buffer
	err := run(ctx, os.Stdout, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})))
	stop()
	_, _ = log.WriteTo(os.Stderr) // only now: it would tear the bars
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run plays the whole demo. It returns an error when something that was
// promised has not happened.
func run(ctx context.Context, out io.Writer, log *slog.Logger) (err error) {
	dir, err := os.MkdirTemp("", "pulltrace-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	// The world: a registry, a containerd that pulls from it, and a backend
	// that keeps the telemetry.
	reg, err := registry.Start()
	if err != nil {
		return err
	}
	defer reg.Close()
	runtime, err := startDaemon(context.WithoutCancel(ctx), dir, reg.Host())
	if err != nil {
		return err
	}
	defer runtime.stop()
	backend, err := otlp.Start()
	if err != nil {
		return err
	}
	defer backend.Close()

	// Pulltrace, as on a node, and a screen that is one more reporter of it.
	pulltrace, err := setUpPulltrace(ctx, runtime.socket, backend.Endpoint(), log)
	if err != nil {
		return err
	}
	story, err := newStory(reg)
	if err != nil {
		return err
	}
	ctx, interrupt := context.WithCancel(ctx)
	defer interrupt()
	screen := openScreen(out, story, interrupt)
	pulltrace.start(ctx, screen)

	// The pulls. Then the last spans are on their way.
	err = story.play(ctx, runtime.pull)
	if err == nil {
		err = story.awaitSpans(ctx, backend)
	}
	err = errors.Join(err, pulltrace.stop(), screen.close())
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	writeReport(out, backend, screen.width())
	return errors.Join(err, story.check(backend))
}

// sleep waits, and tells whether it was not interrupted.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
