package peers

import (
	"net/http"
	"time"

	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/registry"
)

const (
	mib  = 1 << 20
	rate = 3_000_000 // bytes a second, of each repository

	largeLayer = 17_000_000 // bytes; three at once take longer than is waited for a sample
)

// pulled is a pull and what is true of it.
type pulled struct {
	*registry.Image
	cri.Pull
	requests []registry.Request // of it
}

// served is how many bytes of config and layers the registry has served it.
func (p pulled) served() (sum int64) {
	for _, req := range p.requests {
		if req.Blob {
			sum += req.Written
		}
	}
	return sum
}

// truth is what was pulled while the Pulltraces watched.
type truth struct {
	began time.Time // before the first pull
	ended time.Time // when all is told of the last one

	ok, sharing, failed, cached, stalled, large, queued pulled

	standing, moving time.Time // while stalled stands still, and while large moves and queued waits
	count            *counter  // of what was served for stalled and large
}

// all are the pulls that have ended well, and those that have not.
func (tr *truth) all() (succeeded, failed []pulled) {
	return []pulled{tr.ok, tr.sharing, tr.cached, tr.stalled, tr.large, tr.queued}, []pulled{tr.failed}
}

// pullAll pulls images with different fates: one that stands still for a while, four
// others meanwhile, and then two at once.
func (n *node) pullAll() *truth {
	n.Helper()
	tr := &truth{began: time.Now()}
	stalled := n.push("team/stalled:1", nil, 6*mib)
	n.registry.SetFaults(stalled.Layers[0].Digest, registry.StallAt(3*mib))
	large := n.push("team/large:1", nil, largeLayer, largeLayer, largeLayer, largeLayer)
	tr.count = n.startCounting(append(stalled.Blobs(), large.Blobs()...))
	defer tr.count.stop()

	first, running := len(n.registry.Requests()), n.cri.Start(n.Context(), stalled.Ref())
	told := time.Now().Add(2*time.Second + stallThreshold + interval + arrival)
	n.pullFour(tr)
	time.Sleep(time.Until(told))
	tr.standing = time.Now()
	n.registry.SetFaults(stalled.Layers[0].Digest)
	tr.stalled = n.pulled(stalled, <-running, first)

	// It has all three download slots, for which the next one waits.
	first, running = len(n.registry.Requests()), n.cri.Start(n.Context(), large.Ref())
	n.waitServing(large, 3)
	queued := n.push("team/queued:1", nil, 1*mib)
	waiting := n.cri.Start(n.Context(), queued.Ref())
	time.Sleep(interval + arrival)
	tr.moving = time.Now()
	tr.queued = n.pulled(queued, <-waiting, first)
	tr.large = n.pulled(large, <-running, first)

	succeeded, _ := tr.all()
	for _, p := range succeeded {
		if p.Err != nil {
			n.Fatalf("pulling %s: %v", p.Ref(), p.Err)
		}
	}
	time.Sleep(interval + arrival)
	tr.ended = time.Now()
	return tr
}

// waitServing waits until so many layers of an image are being served.
func (n *node) waitServing(img *registry.Image, layers int) {
	n.Helper()
	for deadline := time.Now().Add(interval); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		serving := 0
		for _, req := range n.registry.Requests() {
			if req.Blob && req.Repository == img.Repository && req.Digest != img.Config.Digest && req.Written > 0 {
				serving++
			}
		}
		if serving >= layers {
			return
		}
	}
	n.Fatalf("%d layers of %s are not asked for", layers, img.Ref())
}

// pullFour pulls an image, one that shares its layers, one that misses a layer, and
// the first one again.
func (n *node) pullFour(tr *truth) {
	n.Helper()
	tr.ok = n.pull(n.push("team/app:1", nil, 2*mib, 3*mib))
	tr.sharing = n.pull(n.push("team/sharing:1", tr.ok.Layers, 2*mib))

	missing := n.push("team/missing:1", nil, 2*mib, 1*mib)
	n.registry.SetFaults(missing.Layers[1].Digest, registry.Delay(1500*time.Millisecond), registry.Status(http.StatusNotFound))
	if tr.failed = n.pull(missing); tr.failed.Err == nil {
		n.Fatal("the pull of an image went well, though a layer of it is missing")
	}
	n.registry.SetFaults(tr.ok.Root.Digest, registry.Delay(2*time.Second)) // or it is over before it is seen
	tr.cached = n.pull(tr.ok.Image)
}

func (n *node) pull(img *registry.Image) pulled {
	before := len(n.registry.Requests())
	return n.pulled(img, n.cri.Pull(n.Context(), img.Ref()), before)
}

// pulled finds the requests of a pull among those that came after the first so many.
func (n *node) pulled(img *registry.Image, p cri.Pull, before int) pulled {
	out := pulled{Image: img, Pull: p}
	for _, req := range n.registry.Requests()[before:] {
		if req.Repository == img.Repository {
			out.requests = append(out.requests, req)
		}
	}
	return out
}
