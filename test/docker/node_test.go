package docker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/conventions"
	"github.com/pulltrace/pulltrace/test/docker/engine"
	"github.com/pulltrace/pulltrace/test/internal/gobuild"
	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/pulltrace"
	"github.com/pulltrace/pulltrace/test/registry"
)

const (
	arrivalLimit = 20 * time.Second // for what must arrive, at the longest

	// A pull that stands still for this long is stalled, here.
	threshold     = 3 * time.Second
	thresholdFlag = "--stall-threshold=3s"
)

// node is a containerd with a Docker Engine on it, a registry it pulls from, and an OTLP
// receiver; watch adds pulltrace.
type node struct {
	*testing.T
	daemon   *containerd.Daemon
	docker   *engine.Engine // nil where there is none
	registry *registry.Registry
	receiver *otlp.Receiver
	process  *pulltrace.Process
}

// onEachEngine runs a test on a node of each version of Docker.
func onEachEngine(t *testing.T, test func(*node)) {
	t.Helper()
	prepare(t)
	t.Parallel() // from here: no test's clock suffers from a build
	for _, version := range engine.Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			n.docker = engine.Start(t, version, n.daemon)
			test(n)
		})
	}
}

// onNewest runs a test on a node of the newest version of Docker.
func onNewest(t *testing.T, test func(*node)) {
	t.Helper()
	prepare(t)
	t.Parallel()
	n := newNode(t)
	n.docker = engine.Start(t, engine.Newest, n.daemon)
	test(n)
}

// withoutDocker runs a test on a node that has a containerd alone.
func withoutDocker(t *testing.T, test func(*node)) {
	t.Helper()
	prepare(t)
	t.Parallel()
	test(newNode(t))
}

// prepare builds all that a node consists of, where that has not been done. It skips the
// test where that cannot run.
func prepare(t *testing.T) {
	t.Helper()
	engine.Require(t)
	if err := build(); err != nil {
		t.Fatal(err)
	}
}

var build = sync.OnceValue(func() error {
	ctx := context.Background()
	if err := engine.Tools(ctx); err != nil {
		return err
	}
	for _, version := range engine.Versions() {
		if _, err := engine.Build(ctx, version); err != nil {
			return err
		}
	}
	if _, err := containerd.Build(ctx, containerd.Newest); err != nil {
		return err
	}
	_, err := pulltrace.Build()
	return err
})

func newNode(t *testing.T) *node {
	t.Helper()
	n := &node{T: t, daemon: containerd.Start(t)}
	n.registry = n.startRegistry()
	var err error
	if n.receiver, err = otlp.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.receiver.Close()
		n.checkDeclared()
	})
	return n
}

func (n *node) startRegistry() *registry.Registry {
	n.Helper()
	r, err := registry.Start()
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() { r.Close() })
	return r
}

var declared = sync.OnceValues(conventions.Load)

// checkDeclared fails a test during which something was emitted that semconv/registry does
// not declare, or declares otherwise.
func (n *node) checkDeclared() {
	n.Helper()
	names, err := declared()
	if err != nil {
		n.Fatal(err)
	}
	for _, problem := range names.Check(n.receiver) {
		n.Error(problem)
	}
}

// watch starts pulltrace and waits until it says that containerd answers.
func (n *node) watch(flags ...string) {
	n.Helper()
	n.process = pulltrace.Start(n, pulltrace.Config{
		Socket: n.daemon.Socket, Endpoint: n.receiver.Endpoint(), Flags: append([]string{thresholdFlag}, flags...),
	})
	n.wait("pulltrace to reach containerd", func() bool {
		return slices.ContainsFunc(n.receiver.Points("pulltrace.source.up"), func(p otlp.Point) bool { return p.Value == 1 })
	})
}

func (n *node) wait(what string, condition func() bool) {
	n.Helper()
	ctx, cancel := context.WithTimeout(n.Context(), arrivalLimit)
	defer cancel()
	if err := n.receiver.Wait(ctx, what, condition); err != nil {
		n.Error(err)
	}
}

// settle waits for longer than anything takes to be told, a stall as well, and stops
// pulltrace, which then tells all it has to tell.
func (n *node) settle() {
	n.Helper()
	time.Sleep(threshold + 3*time.Second)
	n.process.Stop()
}

// sleepUntilStalled waits for as long as what stands still takes to be told as stalled.
func (n *node) sleepUntilStalled() { time.Sleep(threshold + 500*time.Millisecond) }

func (n *node) layers(sizes ...int64) []*registry.Layer {
	n.Helper()
	layers, err := registry.NewLayers(sizes...)
	if err != nil {
		n.Fatal(err)
	}
	return layers
}

func (n *node) push(name string, layers ...*registry.Layer) *registry.Image {
	n.Helper()
	img, err := n.registry.Push(name, layers)
	if err != nil {
		n.Fatal(err)
	}
	return img
}

// pushProgram makes an image whose containers run one program, on these further layers.
func (n *node) pushProgram(name string, layers ...*registry.Layer) *registry.Image {
	n.Helper()
	path, err := program()
	if err != nil {
		n.Fatal(err)
	}
	layer, err := registry.NewProgramLayer(path)
	if err != nil {
		n.Fatal(err)
	}
	img, err := n.registry.Push(name, append([]*registry.Layer{layer}, layers...), registry.Entrypoint("/"+filepath.Base(path), "/made"))
	if err != nil {
		n.Fatal(err)
	}
	return img
}

// program builds the program of images, and returns its path.
var program = sync.OnceValues(func() (string, error) {
	const pkg = "github.com/pulltrace/pulltrace/test/docker/step"
	ctx := context.Background()
	here, err := gobuild.Dir(ctx, pkg)
	if err != nil {
		return "", err
	}
	out, err := os.MkdirTemp(scratch, "program-")
	if err != nil {
		return "", err
	}
	return filepath.Join(out, "step"), gobuild.Build(ctx, here, out, []string{"-ldflags", "-s -w"}, pkg)
})

// scratch is a folder that goes when all tests have run.
var scratch string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "pulltrace-docker-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	return m.Run()
}

// pull is docker pull, which must go well.
func (n *node) pull(img *registry.Image) engine.Call {
	n.Helper()
	return n.wentWell("docker pull "+img.Ref(), n.docker.Pull(n.Context(), img.Ref()))
}

func (n *node) wentWell(what string, call engine.Call) engine.Call {
	n.Helper()
	if call.Err != nil {
		n.Fatalf("%s: %v", what, call.Err)
	}
	return call
}
