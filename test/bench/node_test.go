//go:build linux

package bench

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/client"

	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/pulltrace"
	"github.com/pulltrace/pulltrace/test/registry"
	"github.com/pulltrace/pulltrace/test/socketproxy"
)

const arrivalLimit = 30 * time.Second // for what must arrive, at the longest

// node is a containerd, a registry that it pulls from, and an OTLP receiver.
type node struct {
	*testing.T
	*bench
	daemon   *containerd.Daemon
	proxy    *socketproxy.Proxy // to it, for who counts calls
	registry *registry.Registry
	receiver *otlp.Receiver
	cri      *cri.Client
	flags    []string // of Pulltrace, beside the defaults
	env      []string
}

func (b *bench) newNode(t *testing.T) *node {
	t.Helper()
	n := &node{T: t, bench: b, daemon: containerd.Start(t)}
	var err error
	// Pulls that are older than the socket would be taken for those of an earlier containerd.
	if n.proxy, err = socketproxy.Start(n.daemon.Socket); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.proxy.Close() })
	if n.registry, err = registry.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.registry.Close() })
	if n.receiver, err = otlp.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.receiver.Close)
	if n.cri, err = cri.Dial(n.daemon.Socket); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.cri.Close() })
	return n
}

// client is a client of containerd in a namespace.
func (n *node) client(namespace string) *client.Client {
	n.Helper()
	c, err := client.New(n.daemon.Socket, client.WithDefaultNamespace(namespace))
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() { c.Close() })
	return c
}

// push makes an image of layers.
func (n *node) push(name string, layers []*registry.Layer, opts ...registry.ImageOption) *registry.Image {
	n.Helper()
	img, err := n.registry.Push(name, layers, opts...)
	if err != nil {
		n.Fatal(err)
	}
	return img
}

// pull pulls an image by CRI, which must go well.
func (n *node) pull(img *registry.Image) cri.Pull {
	n.Helper()
	p := n.cri.Pull(n.Context(), img.Ref())
	if p.Err != nil {
		n.Fatalf("pulling %s: %v", img.Ref(), p.Err)
	}
	return p
}

// watcher is a program that watches containerd.
type watcher struct {
	pid     int  // 0 is nobody
	product bool // it is Pulltrace
	stop    func()
}

func (n *node) nobody(scene) watcher { return watcher{stop: func() {}} }

// loop starts the bare loop.
func (n *node) loop(s scene) watcher {
	n.Helper()
	cmd := exec.Command(n.binary, "-socket="+n.daemon.Socket, "-namespace="+s.namespace, "-interval="+s.interval.String())
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // also if the test is killed
	if err := cmd.Start(); err != nil {
		n.Fatalf("starting the bare loop: %v", err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	return watcher{cmd.Process.Pid, false, func() {
		n.Helper()
		select {
		case err := <-exited:
			n.Errorf("the bare loop ended by itself: %v", err)
		default:
			cmd.Process.Kill()
			if err := <-exited; err == nil { // a kill is an error
				n.Error("the bare loop ended by itself")
			}
		}
	}}
}

// pulltrace starts Pulltrace as it is by default.
func (n *node) pulltrace(scene) watcher {
	n.Helper()
	p := n.startPulltrace(n.daemon.Socket)
	return watcher{p.PID(), true, p.Stop}
}

func (n *node) startPulltrace(socket string) *pulltrace.Process {
	n.Helper()
	address := n.freeAddress()
	p := pulltrace.Start(n, pulltrace.Config{
		Socket: socket, Endpoint: n.receiver.Endpoint(),
		Flags: append([]string{"--log-level=info", "--health-address=" + address}, n.flags...),
		Env:   append([]string{fmt.Sprintf("OTEL_METRIC_EXPORT_INTERVAL=%d", n.exports.Milliseconds()), "OTEL_LOGS_EXPORTER=none"}, n.env...),
	})
	for deadline := time.Now().Add(arrivalLimit); !isReady(n.Context(), address); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			n.Fatal("pulltrace does not get ready")
		}
	}
	return p
}

// isReady tells whether a Pulltrace says that containerd answers.
func isReady(ctx context.Context, address string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// freeAddress is an address of the loopback interface that nothing listens on.
func (n *node) freeAddress() string {
	n.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		n.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// waitPoint waits until the points of a metric of a time after since come to a value.
func (n *node) waitPoint(metric string, since time.Time, want float64) {
	n.Helper()
	n.wait(fmt.Sprintf("%s to be %g", metric, want), func() bool { return n.last(metric, since) == want })
}

// last is the value of a metric by the last points of a time after since, over all series.
func (n *node) last(metric string, since time.Time) (sum float64) {
	var at time.Time
	for _, p := range n.receiver.Points(metric) {
		switch {
		case !p.Time.After(since) || p.NoValue:
		case p.Time.After(at):
			at, sum = p.Time, p.Value
		case p.Time.Equal(at):
			sum += p.Value
		}
	}
	return sum
}

func (n *node) wait(what string, condition func() bool) {
	n.Helper()
	ctx, cancel := context.WithTimeout(n.Context(), arrivalLimit)
	defer cancel()
	if err := n.receiver.Wait(ctx, what, condition); err != nil {
		n.Fatal(err)
	}
}
