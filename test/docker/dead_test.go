package docker

import (
	"context"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/docker/engine"
	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

// Ctrl-C in mid-pull, and the image is pulled again: Docker leaves the lease of the first
// one as it is, and the second one goes on with what it had fetched.
func TestInterruptedAndPulledAgain(t *testing.T) {
	onEachEngine(t, func(n *node) {
		img := n.pushSlow()
		n.watch()
		ctx, interrupt := context.WithCancel(n.Context())
		running := n.docker.StartPull(ctx, img.Ref())
		n.waitServed(img, 8<<20)
		interrupt()
		if call := <-running; call.Err == nil {
			n.Fatal("the pull had ended before it was interrupted")
		}
		n.pullAgain(img)
	})
}

// dockerd is killed in mid-pull and started again, and the image is pulled again.
func TestEngineIsKilled(t *testing.T) {
	onEachEngine(t, func(n *node) {
		img := n.pushSlow()
		n.watch()
		running := n.docker.StartPull(n.Context(), img.Ref())
		n.waitServed(img, 8<<20)
		n.docker.Kill()
		if call := <-running; call.Err == nil {
			n.Fatal("the pull had ended before Docker was killed")
		}
		n.docker.Restart()
		n.pullAgain(img)
	})
}

// pushSlow makes an image whose layers come one beside the other, and take some seconds.
func (n *node) pushSlow() *registry.Image {
	n.Helper()
	img := n.push("team/app:1", n.layers(10<<20, 10<<20)...)
	n.registry.SetRate(5_000_000)
	return img
}

func (n *node) waitServed(img *registry.Image, bytes int64) {
	n.Helper()
	for deadline := time.Now().Add(arrivalLimit); n.registry.Served(img.Blobs()...) < bytes; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			n.Fatalf("the registry has not served %d bytes of %s in %s", bytes, img.Ref(), arrivalLimit)
		}
	}
}

// pullAgain pulls an image whose pull is dead, and checks what is told of both.
func (n *node) pullAgain(img *registry.Image) {
	n.Helper()
	time.Sleep(time.Second) // a look or two, and no time to stall
	before := n.registry.Served(img.Blobs()...)
	again := n.pull(img)
	served := n.registry.Served(img.Blobs()...)
	n.wait("both spans", func() bool { return len(n.pullSpans(img)) == 2 })
	n.settle()

	n.checkStalls(2, 1) // the dead one, where Docker takes its time to start again
	n.checkCounted(served, len(img.Layers))
	n.checkDurations(1)
	n.checkOver()
	spans := n.pullSpans(img)
	if len(spans) != 2 {
		n.FailNow()
	}
	dead, good := spans[0], spans[1]
	if dead.Attributes["pulltrace.pull.outcome"] == "success" {
		dead, good = good, dead
	}
	n.checkAbandoned(dead, img)
	n.checkGoneOn(good, img, again, served-before)
}

// checkGoneOn checks the span of a pull that has gone on with what a dead one had fetched.
func (n *node) checkGoneOn(span otlp.Span, img *registry.Image, call engine.Call, fetched int64) {
	n.Helper()
	told, _ := span.Attributes["pulltrace.pull.bytes.downloaded"].(int64)
	if off := told - fetched; off < -int64(len(img.Layers)*step) || off > int64(len(img.Layers)*step) {
		n.Errorf("the second pull of %s has downloaded %d bytes, the registry served %d to it", img.Ref(), told, fetched)
	}
	n.checkSuccess(span, img, call, told)
}

// checkOver checks that no pull is said to run, or to stand still, at the end.
func (n *node) checkOver() {
	n.Helper()
	for _, metric := range []string{"pulltrace.pull.active", "pulltrace.pull.stalled"} {
		if still := n.total(metric); still != 0 {
			n.Errorf("%s is %g in the end", metric, still)
		}
	}
}
