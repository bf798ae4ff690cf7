package otlp

import (
	"net"
	"sync/atomic"
)

// wire is a listener that counts what comes over its connections.
type wire struct {
	net.Listener
	bytes atomic.Int64
}

func (w *wire) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	return metered{c, &w.bytes}, err
}

type metered struct {
	net.Conn
	bytes *atomic.Int64
}

func (m metered) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	m.bytes.Add(int64(n))
	return n, err
}
