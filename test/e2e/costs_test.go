package e2e

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/registry"
	"github.com/pulltrace/pulltrace/test/socketproxy"
)

// callsASecond is how often containerd may be called in a second in which no pull begins or
// ends, however many layers are open. docs/performance.md has what it comes to.
const callsASecond = 10

// While 100 layers of a pull are open, three of which are fetched, a look costs as few calls
// as with one.
func TestOpenLayersCostNoCalls(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	const layers = 100
	img := n.pushAs("open:1", nil, registry.Zeros(layers, 1<<30))
	n.registry.SetRate(1_000_000)
	t.Cleanup(n.daemon.Kill) // it would take its time to give up
	n.watch()
	done := n.cri.Start(n.Context(), img.Ref())
	n.wait("all layers", func() bool { return n.stateTotal(img) == layers })
	time.Sleep(2 * time.Second) // what a pull that begins costs is over

	const watched = 6 * time.Second
	before := len(n.proxy.Calls())
	time.Sleep(watched)
	calls := n.proxy.Calls()[before:]
	t.Logf("%d calls in %s, %d in the busiest second", len(calls), watched, socketproxy.Busiest(calls))
	if len(calls) < int(watched.Seconds())-1 {
		t.Errorf("%d calls in %s: nobody looks", len(calls), watched)
	}
	if most := socketproxy.Busiest(calls); most > callsASecond {
		t.Errorf("%d calls in a second, want %d at the most", most, callsASecond)
	}
	n.daemon.Kill()
	if pull := <-done; pull.Err == nil {
		t.Error("an image that never comes was pulled")
	}
}

// stateTotal is how many layers the image was last told to have, over all states.
func (n *node) stateTotal(img *registry.Image) (total float64) {
	var last time.Time
	for _, p := range n.points("pulltrace.image.layer.count", img) {
		if p.Time.After(last) {
			last, total = p.Time, 0
		}
		total += p.Value
	}
	return total
}

// Pulls that begin and end at once, of many layers each, cost some calls for each layer, and no
// more than that.
func TestBurstCostsCallsByLayer(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	const images, layers = 8, 20
	sizes := make([]int64, layers)
	for i := range sizes {
		sizes[i] = 30_000
	}
	n.watch()
	before := len(n.proxy.Calls())
	var pulls sync.WaitGroup
	for i := range images {
		img := n.push(fmt.Sprintf("burst-%d:1", i), sizes...)
		pulls.Go(func() {
			if p := n.cri.Pull(n.Context(), img.Ref()); p.Err != nil {
				n.Errorf("pulling %s: %v", img.Ref(), p.Err)
			}
		})
	}
	pulls.Wait()
	n.wait("the traces of all pulls", func() bool { return len(n.receiver.Spans("pull image")) == images })
	calls := len(n.proxy.Calls()) - before
	t.Logf("%d calls for %d layers", calls, images*layers)
	const most = 15 // for each layer, which was 11
	if calls > most*images*layers {
		t.Errorf("%d calls for %d layers, want %d for each at the most", calls, images*layers, most)
	}
}
