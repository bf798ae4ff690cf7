//go:build linux

package bench

import (
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/pulltrace/pulltrace/test/bench/page"
	"github.com/pulltrace/pulltrace/test/registry"
)

// How often Pulltrace looks by default.
const (
	pollInterval = time.Second
	idleInterval = 10 * time.Second
)

// scene is something that a node may be in.
type scene struct {
	key       page.Key
	name      string
	namespace string        // that the bare loop lists
	interval  time.Duration // at which it does, as Pulltrace
	settle    time.Duration // for how much longer Pulltrace runs before it is measured
	rest      time.Duration // for how long containerd is left alone when all is prepared
	rounds    int
	prepare   func(*node)
	event     func(*node) // nil where nothing happens
	ending    bool        // pulls end

	// check fails where the scene was not what it is to be, by what Pulltrace has told.
	check func(n *node, since time.Time)
}

const criNamespace = "k8s.io"

func (b *bench) scenes() []scene {
	all := []scene{{key: page.Idle, name: "nobody pulls", namespace: criNamespace, interval: idleInterval, rounds: b.rounds}}
	for _, count := range b.open {
		s := scene{
			name: fmt.Sprintf("a pull with %d open layers", count), namespace: criNamespace, interval: pollInterval,
			prepare: func(n *node) { n.openLayers(count) },
			check:   func(n *node, since time.Time) { n.waitPoint("pulltrace.image.layer.count", since, float64(count)) },
		}
		if count == 100 {
			s.key, s.rounds = page.Open, b.rounds
		}
		all = append(all, s)
	}
	return append(all,
		scene{
			name: fmt.Sprintf("%d images, %d blobs stored", b.images, b.blobs), namespace: criNamespace, interval: idleInterval,
			prepare: (*node).store, rest: 15 * b.settle, // the CRI takes note of each image
		},
		scene{
			name: fmt.Sprintf("%d leases that are no pulls", b.leases), namespace: "builder", interval: idleInterval, settle: 10 * b.settle,
			prepare: (*node).foreignLeases,
		},
		scene{
			key: page.Kubernetes, name: fmt.Sprintf("nobody pulls, %d pods by Kubernetes", b.pods), namespace: criNamespace, interval: idleInterval,
			prepare: func(n *node) { n.pods(b.pods) },
			check:   func(n *node, since time.Time) { n.waitPoint("pulltrace.kubernetes.up", since, 1) },
		},
		scene{
			name: fmt.Sprintf("%d images of 10 layers are imported", b.imported), namespace: "default", interval: pollInterval,
			event: (*node).importImages,
		},
		scene{
			name: fmt.Sprintf("%d images of %d layers are pulled at once", b.burst, layersOfBurst), namespace: criNamespace, interval: pollInterval,
			event: (*node).pullBurst, ending: true, check: (*node).checkBurst,
		},
	)
}

// openLayers has a pull run that has so many layers open. By default three are fetched at
// once, slowly, and the others wait for their turn: the pull does not end by itself.
func (n *node) openLayers(count int) {
	n.Helper()
	img := n.push("open:1", nil, registry.Zeros(count, 1<<30))
	n.registry.SetRate(1_000_000)
	n.Cleanup(n.daemon.Kill) // it would take its time to give up
	pull := n.cri.Start(n.Context(), img.Ref())
	store := n.client(criNamespace).ContentStore()
	deadline := time.Now().Add(arrivalLimit)
	for {
		open, err := store.ListStatuses(n.Context())
		if err != nil {
			n.Fatal(err)
		}
		if len(open) >= count {
			return
		}
		select {
		case p := <-pull:
			n.Fatalf("the pull is over: %v", p.Err)
		case <-time.After(100 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			n.Fatalf("%d layers are open, want %d", len(open), count)
		}
	}
}

// importImages has ctr import the archive.
func (n *node) importImages() {
	n.Helper()
	n.ctr("default", "images", "import", "--snapshotter", n.daemon.Snapshotter, n.archive)
	out := n.ctr("default", "images", "list", "--quiet")
	if got := len(strings.Fields(out)); got != n.imported {
		n.Errorf("%d images were imported, want %d:\n%s", got, n.imported, out)
	}
}

func (n *node) ctr(namespace string, args ...string) string {
	n.Helper()
	cmd := n.daemon.Ctr(n.Context(), namespace, args...)
	out, err := cmd.Output()
	if err != nil {
		n.Fatalf("%v: %v\n%s", cmd.Args, err, stderrOf(err))
	}
	return string(out)
}

func stderrOf(err error) []byte {
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // as Output returns it
		return exit.Stderr
	}
	return nil
}

// pullBurst pulls many images at once.
func (n *node) pullBurst() {
	n.Helper()
	var pulls sync.WaitGroup
	for i := range n.burst {
		img := n.push(fmt.Sprintf("burst-%d:1", i), n.layers[i*layersOfBurst:(i+1)*layersOfBurst])
		pulls.Go(func() {
			if p := n.cri.Pull(n.Context(), img.Ref()); p.Err != nil {
				n.Errorf("pulling %s: %v", img.Ref(), p.Err)
			}
		})
	}
	pulls.Wait()
}

// checkBurst makes sure that each pull was told.
func (n *node) checkBurst(time.Time) {
	n.Helper()
	n.wait("the traces of all pulls", func() bool { return len(n.receiver.Spans("pull image")) == n.burst })
}
