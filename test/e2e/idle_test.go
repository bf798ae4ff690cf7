package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/registry"
)

// Pulltrace starts beside a containerd that has 500 images: none of them is told
// as a pull, a poll without a pull costs what it would without them, and the
// next pull is told.
func TestStartWithManyImagesStored(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.store(500)
	process := n.watch("--idle-interval=200ms")
	first := len(n.proxy.Calls())
	time.Sleep(4 * time.Second)
	calls := map[string]int{}
	polls := 0
	for _, call := range n.proxy.Calls()[first:] {
		calls[call.Method]++
		if strings.HasSuffix(call.Method, "Namespaces/List") {
			polls++
		}
	}
	t.Logf("%d polls: %v", polls, calls)
	if polls < 5 {
		t.Errorf("%d polls in 4 s", polls)
	}
	for method, count := range calls {
		if !strings.HasSuffix(method, "Namespaces/List") && !strings.HasSuffix(method, "Leases/List") || count > polls+1 {
			t.Errorf("%s was called %d times in %d polls without a pull", method, count, polls)
		}
	}
	if got := n.receiver.Spans("pull image"); len(got) != 0 {
		t.Errorf("%d pulls were told, there was none", len(got))
	}

	img := n.push("last:1", 1<<20)
	pull := n.pull(img)
	n.checkSuccess(n.onlySpan(img, process), img, pull, img.Size())
}

// store pulls so many images of the same layer.
func (n *node) store(count int) {
	n.Helper()
	layers := n.layers(registry.MinLayerSize)
	images := make(chan *registry.Image, count)
	for i := range count {
		images <- n.pushLayers(fmt.Sprintf("stored-%d:1", i), layers)
	}
	close(images)
	n.pullAll(images)
}

// pullAll pulls images, eight at once.
func (n *node) pullAll(images <-chan *registry.Image) {
	n.Helper()
	var pullers sync.WaitGroup
	for range 8 {
		pullers.Go(func() {
			for img := range images {
				if p := n.cri.Pull(n.Context(), img.Ref()); p.Err != nil {
					n.Errorf("pulling %s: %v", img.Ref(), p.Err)
				}
			}
		})
	}
	pullers.Wait()
}
