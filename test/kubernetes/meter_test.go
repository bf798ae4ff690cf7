//go:build linux

package kubernetes

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/kubernetes/node"
)

// meter hands connections on to the API server, and counts what that answers, as it goes
// over the wire.
type meter struct {
	address string
	bytes   atomic.Int64
}

func startMeter(t *testing.T) *meter {
	t.Helper()
	host, _, err := net.SplitHostPort(node.Server) // which the certificate is for
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	m := &meter{address: l.Addr().String()}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go m.serve(client)
		}
	}()
	return m
}

func (m *meter) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", node.Server)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, client)
		server.Close()
	}()
	_, _ = io.Copy(io.MultiWriter(client, m), server)
}

// Write counts.
func (m *meter) Write(p []byte) (int, error) {
	m.bytes.Add(int64(len(p)))
	return len(p), nil
}

// take waits until something has come, where it must, and then no more for a while. It
// returns how much that was.
func (m *meter) take(some bool) int64 {
	for {
		before := m.bytes.Load()
		time.Sleep(2 * time.Second)
		if m.bytes.Load() == before && (before > 0 || !some) {
			return m.bytes.Swap(0)
		}
	}
}
