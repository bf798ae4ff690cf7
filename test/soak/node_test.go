//go:build linux

package soak

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/client"

	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/registry"
	"github.com/pulltrace/pulltrace/test/soak/judge"
)

// versions are those that the containerd is upgraded to by turns.
var versions = []string{containerd.Newest, "2.0"}

// node is a containerd whose content store is a small disk of its own, and the two
// Pulltraces that watch it.
type node struct {
	*testing.T
	began  time.Time // what all times are counted from
	daemon *containerd.Daemon
	store  string // folder of the content store
	fault  *faults

	swap sync.RWMutex // held while the daemon becomes another version
	up   atomic.Bool  // the daemon answers
	over atomic.Bool  // it never will again: the test has failed

	flooded     *registry.Image // whose record is written over and over
	floodEvents atomic.Int64

	restarted, kept *watcher
}

const storeSize = "512m"

func newNode(t *testing.T) *node {
	t.Helper()
	n := &node{T: t, began: time.Now(), daemon: containerd.StartWith(t, containerd.Options{LogLevel: "warn"})}
	n.store = filepath.Join(filepath.Dir(n.daemon.Socket), "root", "io.containerd.content.v1.content")
	n.daemon.Stop()
	if err := os.MkdirAll(n.store, 0o755); err != nil {
		t.Fatal(err)
	}
	// The daemon unmounts it in the end.
	if err := syscall.Mount("tmpfs", n.store, "tmpfs", 0, "size="+storeSize); err != nil {
		t.Fatalf("mounting a small content store: %v", err)
	}
	n.daemon.Restart()
	n.up.Store(true)
	n.pullFlooded()
	n.restarted, n.kept = n.newWatcher("restarted"), n.newWatcher("kept")
	n.restarted.start()
	n.kept.start()
	n.kept.limitCPU()
	n.waitWatching()
	go n.watchMachine()
	n.fault = n.newFaults()
	return n
}

// now is the time since the run began, by a clock that is never set.
func (n *node) now() time.Duration { return time.Since(n.began) }

// at is a time of this process as now has it.
func (n *node) at(t time.Time) time.Duration { return t.Sub(n.began) }

// waitUp waits until containerd answers: pulls that could not even begin show nothing.
func (n *node) waitUp() {
	for !n.up.Load() && !n.over.Load() {
		time.Sleep(20 * time.Millisecond)
	}
}

// version is that of the daemon.
func (n *node) version() string {
	n.swap.RLock()
	defer n.swap.RUnlock()
	return n.daemon.Version
}

// during notes a time in which something is wrong for whoever watches, until done is called.
func (n *node) during(fault string, effect judge.Effect, watchers ...*watcher) (done func()) {
	from := n.now()
	return func() {
		for _, w := range watchers {
			w.note(judge.Window{Fault: fault, Effect: effect, From: from, To: n.now()})
		}
	}
}

func (n *node) watchers() []*watcher { return []*watcher{n.restarted, n.kept} }

// waitWatching waits until both Pulltraces run and have looked.
func (n *node) waitWatching() {
	n.Helper()
	for _, w := range n.watchers() {
		for range 1000 {
			if w.watches() {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if !w.watches() {
			n.Fatalf("pulltrace, %s, is not ready", w.name)
		}
	}
}

// client returns a client of containerd, for what needs no more than a call or two: after
// containerd has ended, a new one connects at once.
func (n *node) client(namespace string) (*client.Client, error) {
	return client.New(n.daemon.Socket, client.WithDefaultNamespace(namespace))
}

func (n *node) startRegistry() *registry.Registry {
	n.Helper()
	r, err := registry.Start()
	if err != nil {
		n.Fatal(err)
	}
	return r
}
