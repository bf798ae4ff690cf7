// Package engine runs real Docker Engines for tests, whose images lie in a containerd, and
// has them do what the command line of Docker asks for.
//
//	e := engine.Start(t, "29", daemon)
//	call := e.Pull(ctx, img.Ref())
//	call.Start, call.End // this process's clock around it
//	call.Err             // what Docker said when it failed
//
// Everything it writes is below the containerd's own folder, and goes with it.
package engine

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/containerd"
)

const (
	startLimit = 30 * time.Second
	stopLimit  = 20 * time.Second
)

// Engine is a Docker Engine of a test.
type Engine struct {
	// Socket is the path of the unix socket of its API.
	Socket string

	t          testing.TB
	containerd *containerd.Daemon
	bin        string // folder of dockerd
	dir        string // all that it writes is below it
	http       http.Client
	log        *os.File
	process    *exec.Cmd     // nil while it does not run
	exited     chan struct{} // closed when process has ended
}

// Start starts a Docker Engine of a version on a containerd, and waits until it answers.
// It runs until the test ends.
func Start(t testing.TB, version string, daemon *containerd.Daemon) *Engine {
	t.Helper()
	bin, err := Build(t.Context(), version)
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{t: t, containerd: daemon, bin: bin, dir: daemon.Dir("docker")}
	e.Socket = filepath.Join(e.dir, "docker.sock")
	var dialer net.Dialer
	e.http.Transport = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", e.Socket)
		},
		DisableKeepAlives: true, // a client of Docker is a process for each thing that is asked
	}
	if err := e.configure(); err != nil {
		t.Fatalf("configuring dockerd: %v", err)
	}
	if e.log, err = os.Create(e.path("log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.cleanUp)
	e.Restart()
	return e
}

func (e *Engine) path(name string) string { return filepath.Join(e.dir, name) }

// configure writes what there is no flag for.
func (e *Engine) configure() error {
	config, err := json.Marshal(map[string]any{
		"features":       map[string]bool{"containerd-snapshotter": true},
		"storage-driver": e.containerd.Snapshotter,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(e.path("daemon.json"), config, 0o600)
}

// Restart starts dockerd again on what it left, after Stop or Kill, and waits until it
// answers. It has no network to give to containers.
func (e *Engine) Restart() {
	e.t.Helper()
	cmd := exec.Command(filepath.Join(e.bin, "dockerd"),
		"--config-file="+e.path("daemon.json"), "--containerd="+e.containerd.Socket,
		"--host=unix://"+e.Socket, "--pidfile="+e.path("pid"),
		"--data-root="+e.path("data"), "--exec-root="+e.path("exec"),
		"--bridge=none", "--iptables=false", "--ip6tables=false", "--userland-proxy=false")
	cmd.Stdout, cmd.Stderr = e.log, e.log
	cmd.SysProcAttr = endsWithParent()
	if err := cmd.Start(); err != nil {
		e.t.Fatalf("starting dockerd: %v", err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // told by a signal, as a rule
	}()
	e.process, e.exited = cmd, exited
	if err := e.waitReady(); err != nil {
		e.t.Fatalf("waiting for dockerd to answer: %v", err)
	}
}

func (e *Engine) waitReady() error {
	ctx, cancel := context.WithTimeout(e.t.Context(), startLimit)
	defer cancel()
	for {
		err := e.do(ctx, request{method: http.MethodGet, path: "/_ping"})
		if err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-e.exited:
			return errors.New("it has exited")
		case <-ctx.Done():
			return err
		}
	}
}

// Stop asks dockerd to end and waits for it. One that does not is killed.
func (e *Engine) Stop() { e.end(syscall.SIGTERM) }

// Kill ends dockerd as a crash does.
func (e *Engine) Kill() { e.end(syscall.SIGKILL) }

func (e *Engine) end(sig os.Signal) {
	if e.process == nil {
		return
	}
	e.process.Process.Signal(sig)
	select {
	case <-e.exited:
	case <-time.After(stopLimit):
		e.t.Errorf("dockerd did not end within %s of %s", stopLimit, sig)
		e.process.Process.Kill()
		<-e.exited
	}
	e.process = nil
}

func (e *Engine) cleanUp() {
	e.Stop()
	e.log.Close()
	if !e.t.Failed() {
		return
	}
	text, err := os.ReadFile(e.log.Name())
	if err != nil {
		e.t.Errorf("reading dockerd's log: %v", err)
		return
	}
	e.t.Logf("dockerd's log:\n%s", text)
}
