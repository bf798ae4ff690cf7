package e2e

import (
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/registry"
)

// late is how late events come in this test: later than any of its pulls is over.
const late = 1500 * time.Millisecond

// Events come so late that a small pull is over before anybody looks: its lease was
// never seen. One that fetches, and one that only unpacks, are told all the same,
// from their root on. A tag and a pull of what is there leave the same record, and
// are not taken for a pull.
func TestPullWhoseLeaseNobodySaw(t *testing.T) {
	onEachVersion(t, func(n *node) {
		n.proxy.Delay(subscribe, late)
		img := n.push("unseen:1", 30_000, 20_000)
		process := n.watch("--idle-interval=1h")
		n.afterEvents() // what it began with
		fetched := n.pullUnseen(img)
		n.ctr("k8s.io", "images", "tag", img.Ref(), img.Name()+":2")
		n.afterEvents()
		n.pullUnseen(img)
		n.removeSnapshots(img)
		n.afterEvents()
		unpacked := n.pullUnseen(img)
		process.Stop()

		spans := n.pullSpans(img)
		if len(spans) != 2 {
			n.Fatalf("a pull that fetches and one that unpacks have %d spans:\n%s", len(spans), n.trees(spans))
		}
		n.checkSuccess(spans[0], img, fetched, n.registry.Served(img.Blobs()...))
		n.checkSpans(spans[0], img.Layers, img) // containerd's records are of the last pull
		n.checkEstimated(spans[0], "pull.start")
		n.checkSuccess(spans[1], img, unpacked, 0)
		n.checkSteps(spans[1], img, "unpack", "unpack")
		n.checkEstimated(spans[1], "pull.start")
	})
}

// pullUnseen pulls an image before any event of it has come, and waits for those: an
// event of one thing would have us look at the next.
func (n *node) pullUnseen(img *registry.Image) cri.Pull {
	n.Helper()
	pull := n.pull(img)
	if took := pull.End.Sub(pull.Start); took > late {
		n.Skipf("the pull took %s on this machine, longer than its events", took)
	}
	n.afterEvents()
	return pull
}

func (n *node) afterEvents() { time.Sleep(2 * late) }
