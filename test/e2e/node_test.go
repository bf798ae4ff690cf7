package e2e

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/pulltrace"
	"github.com/pulltrace/pulltrace/test/registry"
	"github.com/pulltrace/pulltrace/test/socketproxy"
)

const arrivalLimit = 20 * time.Second // for what must arrive, at the longest

// node is a containerd, a registry it pulls from, and an OTLP receiver; watch
// adds pulltrace, which reaches containerd through a proxy that records calls.
type node struct {
	*testing.T
	daemon   *containerd.Daemon
	registry *registry.Registry
	receiver *otlp.Receiver
	proxy    *socketproxy.Proxy
	cri      *cri.Client
}

func newNode(t *testing.T) *node {
	t.Helper()
	return newNodeWith(t, containerd.Options{})
}

// newNodeWith is newNode with options for its containerd.
func newNodeWith(t *testing.T, options containerd.Options) *node {
	t.Helper()
	options.Version = cmp.Or(options.Version, testVersion())
	n := &node{T: t, daemon: containerd.StartWith(t, options)}
	var err error
	if n.registry, err = registry.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.registry.Close() })
	if n.receiver, err = otlp.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.receiver.Close()
		checkDeclared(t, n.receiver)
	})
	if n.proxy, err = socketproxy.Start(n.daemon.Socket); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.proxy.Close()
		checkCalls(t, n.proxy.Calls())
	})
	// CRI goes to containerd itself: the proxy sees pulltrace alone.
	if n.cri, err = cri.Dial(n.daemon.Socket); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.cri.Close() })
	return n
}

// watch starts pulltrace and waits until it says that containerd answers.
func (n *node) watch(flags ...string) *pulltrace.Process {
	n.Helper()
	process := n.start(flags...)
	n.waitSource(1, process.Started)
	return process
}

func (n *node) start(flags ...string) *pulltrace.Process {
	n.Helper()
	return pulltrace.Start(n, pulltrace.Config{Socket: n.proxy.Socket, Endpoint: n.receiver.Endpoint(), Flags: flags})
}

// waitSource waits until pulltrace.source.up is told with this value of a time
// after since.
func (n *node) waitSource(up float64, since time.Time) {
	n.Helper()
	n.wait(fmt.Sprintf("pulltrace.source.up to be %g", up), func() bool {
		return slices.ContainsFunc(n.receiver.Points("pulltrace.source.up"), func(p otlp.Point) bool {
			return p.Value == up && p.Time.After(since)
		})
	})
}

// push makes an image with new layers of these sizes.
func (n *node) push(name string, sizes ...int64) *registry.Image {
	n.Helper()
	return n.pushLayers(name, n.layers(sizes...))
}

func (n *node) layers(sizes ...int64) []*registry.Layer {
	n.Helper()
	layers, err := registry.NewLayers(sizes...)
	if err != nil {
		n.Fatal(err)
	}
	return layers
}

func (n *node) pushLayers(name string, layers []*registry.Layer) *registry.Image {
	n.Helper()
	img, err := n.registry.Push(name, layers)
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

// pullSpans returns the spans of the image's pulls that have arrived so far.
func (n *node) pullSpans(img *registry.Image) []otlp.Span {
	var out []otlp.Span
	for _, s := range n.receiver.Spans("pull image") {
		if s.Attributes["oci.manifest.digest"] == img.Root.Digest.String() {
			out = append(out, s)
		}
	}
	return out
}

// waitSpans waits until so many pulls of the image have been told.
func (n *node) waitSpans(img *registry.Image, count int) []otlp.Span {
	n.Helper()
	n.wait("the span of "+img.Ref(), func() bool { return len(n.pullSpans(img)) >= count })
	return n.pullSpans(img)
}

// onlySpan waits for the span of the image's one pull, stops pulltrace so that
// it tells all it has to tell, and makes sure that there was no other.
func (n *node) onlySpan(img *registry.Image, process *pulltrace.Process) otlp.Span {
	n.Helper()
	n.waitSpans(img, 1)
	process.Stop()
	spans := n.pullSpans(img)
	if len(spans) != 1 {
		n.Fatalf("%s has %d spans, want 1:\n%s", img.Ref(), len(spans), n.trees(spans))
	}
	return spans[0]
}

func (n *node) trees(spans []otlp.Span) (text string) {
	for _, s := range spans {
		text += n.receiver.Tree(s)
	}
	return text
}

// points returns the data points of a live metric of the image, in order of
// arrival, without the mark that ends the series.
func (n *node) points(metric string, img *registry.Image) []otlp.Point {
	var out []otlp.Point
	for _, p := range n.receiver.Points(metric) {
		if p.Attributes["oci.manifest.digest"] == img.Root.Digest.String() && !p.NoValue {
			out = append(out, p)
		}
	}
	return out
}

// values are those that a metric of the node as a whole has had.
func (n *node) values(metric string) (all []float64) {
	for _, p := range n.receiver.Points(metric) {
		if !p.NoValue {
			all = append(all, p.Value)
		}
	}
	return all
}

// total returns the last value of a metric, summed over the attribute sets of
// this node's registry.
func (n *node) total(metric string) (last float64) {
	for _, p := range n.registryPoints(metric) {
		last += p.Value
	}
	return last
}

// registryPoints returns the last point of each attribute set of a metric that
// is about this node's registry. That goes by its host, without the port, which
// containerd leaves out of its early labels.
func (n *node) registryPoints(metric string) []otlp.Point {
	host, _, _ := net.SplitHostPort(n.registry.Host())
	last := map[string]otlp.Point{}
	for _, p := range n.receiver.Points(metric) {
		if p.Attributes["pulltrace.registry"] == host && !p.NoValue {
			last[p.Attributes.String()] = p
		}
	}
	var out []otlp.Point
	for _, p := range last {
		out = append(out, p)
	}
	return out
}

func (n *node) wait(what string, condition func() bool) {
	n.Helper()
	ctx, cancel := context.WithTimeout(n.Context(), arrivalLimit)
	defer cancel()
	if err := n.receiver.Wait(ctx, what, condition); err != nil {
		n.Fatal(err)
	}
}
