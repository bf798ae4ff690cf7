//go:build linux

package kubernetes

import (
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/kubernetes/node"
)

const (
	// maxAtRest is about what Prometheus' node_exporter has.
	maxAtRest = 20 * mib
	restLimit = 3 * time.Minute // for memory to be given back, which begins after 90 s
)

// Nothing is pulled on a node that is full of pods, all of which have just changed. No
// kubelet runs: the pods are shown by the API alone.
func TestMemoryAtRestOnAFullNode(t *testing.T) {
	c := newClusterOn(t, node.Get(t))
	if err := c.StopKubelet(); err != nil {
		t.Fatal(err)
	}
	own := c.makePods([]string{node.Name}, podsOfNode)
	c.touch(own)
	busy := c.process.MemoryNow()
	var now int64
	for end := time.Now().Add(restLimit); time.Now().Before(end); time.Sleep(time.Second) {
		if now = c.process.MemoryNow(); now <= maxAtRest {
			break
		}
	}
	c.removePods()
	t.Logf("%.1f MiB are resident when %d pods have changed, %.1f at rest", float64(busy)/mib, podsOfNode, float64(now)/mib)
	if now > maxAtRest {
		t.Errorf("%d bytes are resident after %s in which nothing was pulled, want at most %d", now, restLimit, maxAtRest)
	}
}
