package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/registry"
)

const (
	pullsBefore = 200
	maxAtRest   = 24 << 20
	restLimit   = 3 * time.Minute // for memory to be given back, which begins after 90 s
)

// What many pulls needed is given back when nothing is pulled any more.
func TestMemoryAtRestAfterManyPulls(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	process := n.watch("--idle-interval=1s")
	images := make(chan *registry.Image, pullsBefore)
	for i := range pullsBefore {
		images <- n.push(fmt.Sprintf("one-of-many-%d:1", i), registry.MinLayerSize, registry.MinLayerSize, registry.MinLayerSize)
	}
	close(images)
	n.pullAll(images)
	n.wait("the spans of all pulls", func() bool { return len(n.receiver.Spans("pull image")) >= pullsBefore })
	busy := process.MemoryNow()
	var now int64
	for end := time.Now().Add(restLimit); time.Now().Before(end); time.Sleep(time.Second) {
		if now = process.MemoryNow(); now <= maxAtRest {
			break
		}
	}
	t.Logf("%.1f MiB are resident after %d pulls, %.1f at rest", mebibytes(busy), pullsBefore, mebibytes(now))
	if now > maxAtRest {
		t.Errorf("%d bytes are resident %s after the last pull, want at most %d", now, restLimit, maxAtRest)
	}
	if spans := n.receiver.Spans("pull image"); len(spans) != pullsBefore {
		t.Errorf("%d pulls were told, want %d", len(spans), pullsBefore)
	}
}

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }
