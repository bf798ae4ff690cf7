// Package server runs a peer: a program that serves on addresses of this machine
// until the test ends.
package server

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

const (
	readyLimit = 30 * time.Second
	stopLimit  = 10 * time.Second
)

// Start starts the program at path and returns when all addresses accept
// connections. It is stopped when the test ends, and what it wrote is shown when
// the test has failed.
func Start(t testing.TB, path string, args, addresses []string) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = endsWithParent()
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", filepath.Base(path), err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // told by a signal, as a rule
	}()
	t.Cleanup(func() {
		stop(t, cmd, exited)
		log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("%s wrote:\n%s", filepath.Base(path), text)
		}
	})
	for _, address := range addresses {
		if err := waitFor(t.Context(), address, exited); err != nil {
			t.Fatalf("waiting for %s to serve %s: %v", filepath.Base(path), address, err)
		}
	}
}

func waitFor(ctx context.Context, address string, exited <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	for {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-exited:
			return errors.New("it has exited")
		case <-ctx.Done():
			return err
		}
	}
}

func stop(t testing.TB, cmd *exec.Cmd, exited <-chan struct{}) {
	t.Helper()
	cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-exited:
	case <-time.After(stopLimit):
		t.Errorf("%s did not end within %s of SIGTERM", filepath.Base(cmd.Path), stopLimit)
		cmd.Process.Kill()
		<-exited
	}
}

// FreeAddresses returns so many addresses of the loopback interface that nothing listens
// on.
func FreeAddresses(t testing.TB, count int) []string {
	t.Helper()
	addresses := make([]string, count)
	for i := range addresses {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // when all are found, which so differ
		addresses[i] = l.Addr().String()
	}
	return addresses
}
