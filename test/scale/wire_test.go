package scale

import (
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// wire is where a simulated Pulltrace sends its metrics: a server of OTLP over pipes, since
// a bubble of fake time must not wait for a network.
type wire struct {
	node   *original
	conns  chan net.Conn
	closed chan struct{}
	server *http.Server

	mu  sync.Mutex
	err error // the first
}

// wires are those that are open, by the name of their node.
var wires sync.Map

// dial replaces the dialing of http.DefaultTransport, of which Pulltrace's exporter has a
// copy.
func dial(_ context.Context, _, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	w, found := wires.Load(host)
	if !found {
		return nil, net.UnknownNetworkError("no wire to " + host)
	}
	ours, theirs := net.Pipe()
	w.(*wire).conns <- theirs
	return ours, nil
}

// listen opens the wire of a node, which keeps what comes.
func listen(o *original) *wire {
	w := &wire{node: o, conns: make(chan net.Conn), closed: make(chan struct{})}
	w.server = &http.Server{Handler: w}
	wires.Store(o.name, w)
	go w.server.Serve(w)
	return w
}

// close returns what went wrong.
func (w *wire) close() error {
	wires.Delete(w.node.name)
	w.server.Close()
	return w.err
}

func (w *wire) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = w.node.take(time.Now(), body)
	}
	w.err = cmp.Or(w.err, err)
}

// Accept, Close and Addr make it a net.Listener.
func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error {
	close(w.closed)
	return nil
}

func (*wire) Addr() net.Addr { return &net.UnixAddr{} }
