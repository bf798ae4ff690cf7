// Package pulltrace runs the pulltrace binary for tests, as a user would: by
// flags and OpenTelemetry's variables, and by signals.
//
//	process := pulltrace.Start(t, pulltrace.Config{
//		Socket:   daemon.Socket,
//		Endpoint: receiver.Endpoint(),
//		Flags:    []string{"--poll-interval=5s"},
//	})
//	process.Stop() // SIGTERM, and wait; Kill is SIGKILL
//
// The binary is built from this tree, or it is the one that PULLTRACE_BINARY
// names. What it writes is shown when the test has failed.
package pulltrace

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/internal/gobuild"
)

const (
	thisPackage = "github.com/pulltrace/pulltrace/test/pulltrace"

	exportInterval = 250 * time.Millisecond
	stopLimit      = 15 * time.Second
)

// Config says how to run it.
type Config struct {
	Socket   string   // of containerd
	Endpoint string   // of the OTLP receiver, http://host:port
	Flags    []string // further ones
	Env      []string // further variables, key=value
}

// Process is a running pulltrace.
type Process struct {
	// Started is when it was started.
	Started time.Time

	t      testing.TB
	cmd    *exec.Cmd
	output bytes.Buffer // to be read once it has exited
	exited chan struct{}
	err    error // how it exited
	ended  bool  // by Stop or Kill
}

// Start starts the binary; it is stopped when the test ends. Of this process's
// environment it sees nothing.
func Start(t testing.TB, c Config) *Process {
	t.Helper()
	binary, err := Build()
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{t: t, exited: make(chan struct{})}
	p.cmd = exec.Command(binary, append([]string{"--containerd-address=" + c.Socket, "--log-level=debug", "--health-address="}, c.Flags...)...)
	p.cmd.Env = append([]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.Endpoint,
		fmt.Sprintf("OTEL_METRIC_EXPORT_INTERVAL=%d", exportInterval.Milliseconds()),
		"OTEL_LOGS_EXPORTER=otlp",
	}, c.Env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.Started = time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting pulltrace: %v", err)
	}
	go func() { p.err = p.cmd.Wait(); close(p.exited) }()
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("pulltrace %v wrote:\n%s", p.cmd.Args[1:], p.output.Bytes())
		}
	})
	return p
}

// Stop asks the process to end and waits for it; it must still run, end well
// and end in time. Once ended it stays so.
func (p *Process) Stop() {
	p.t.Helper()
	if p.ended {
		return
	}
	select {
	case <-p.exited:
		p.ended = true
		p.t.Errorf("pulltrace ended by itself: %v", p.err)
		return
	default:
	}
	p.ended = true
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
		if p.err != nil {
			p.t.Errorf("pulltrace ended with %v after SIGTERM", p.err)
		}
	case <-time.After(stopLimit):
		p.t.Errorf("pulltrace did not end within %s of SIGTERM", stopLimit)
		p.Kill()
	}
}

// PID is its process ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal to the process and waits for nothing.
func (p *Process) Signal(sig os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Errorf("sending %s to pulltrace: %v", sig, err)
	}
}

// Kill ends the process as a crash does.
func (p *Process) Kill() {
	p.ended = true
	p.cmd.Process.Kill()
	<-p.exited
}

// Output returns what the process wrote, its log. It must have ended.
func (p *Process) Output() string {
	p.t.Helper()
	if !p.ended {
		p.t.Fatal("pulltrace still writes")
	}
	return p.output.String()
}

// Build returns the path of the binary, which it builds at most once.
var Build = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("PULLTRACE_BINARY"); path != "" {
		return path, nil
	}
	ctx := context.Background()
	here, err := gobuild.Dir(ctx, thisPackage)
	if err != nil {
		return "", fmt.Errorf("finding pulltrace: %w", err)
	}
	root := filepath.Join(here, "..", "..")
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	// Each work tree has a place of its own. The new binary replaces the old one
	// by a rename, for that may be running in another test.
	dir := filepath.Join(cache, "pulltrace", "binary", fmt.Sprintf("%x", sha256.Sum256([]byte(root)))[:12])
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(dir, "build-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	shipped := []string{"-tags=grpcnotrace,nethttpomithttp2", "-ldflags=-s -w -funcalign=16"} // as make build
	if err := gobuild.Build(ctx, root, fresh, shipped, "./cmd/pulltrace"); err != nil {
		return "", fmt.Errorf("building pulltrace: %w", err)
	}
	binary := filepath.Join(dir, "pulltrace")
	return binary, os.Rename(filepath.Join(fresh, "pulltrace"), binary)
})
