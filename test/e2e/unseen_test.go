package e2e

import (
	"testing"
	"time"
)

// Events come so late that a small pull is over before anybody looks: its lease was
// never seen, and it is told all the same, from its root on. A tag of that image
// and a pull of what is there leave the same record, and are not taken for another
// pull.
func TestPullWhoseLeaseNobodySaw(t *testing.T) {
	onEachVersion(t, func(n *node) {
		const late = 500 * time.Millisecond
		n.proxy.Delay(subscribe, late)
		img := n.push("unseen:1", 30_000, 20_000)
		process := n.watch("--idle-interval=1h")
		time.Sleep(2 * late) // for the stream to be open, and what it began with
		pull := n.pull(img)
		if took := pull.End.Sub(pull.Start); took > late {
			n.Skipf("the pull took %s on this machine, longer than its events", took)
		}
		n.waitSpans(img, 1)
		time.Sleep(2 * late) // an event of one thing would have us look at the next
		n.ctr("k8s.io", "images", "tag", img.Ref(), img.Name()+":2")
		time.Sleep(2 * late)
		n.pull(img)
		time.Sleep(2 * late)
		span := n.onlySpan(img, process)
		n.checkSuccess(span, img, pull, n.registry.Served(img.Blobs()...))
		n.checkTree(span, img.Layers, img)
		n.checkEstimated(span, "pull.start")
	})
}
