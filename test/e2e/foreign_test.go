package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// 40 leases that are no pulls, of three blobs each, as an import or a builder leaves them:
// once they list nothing new they cost containerd a few calls a second, and a pull beside
// them costs about what it does without.
func TestLeasesOfOthersCostLittle(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.foreignLeases(40)
	n.watch()
	time.Sleep(20 * time.Second) // they are asked for the more often the newer they are

	const idle = 10 * time.Second
	before := len(n.proxy.Calls())
	time.Sleep(idle)
	calls := len(n.proxy.Calls()) - before
	t.Logf("%d calls in %s on an idle node", calls, idle)
	if limit := 100; calls > limit {
		t.Errorf("%d calls in %s on an idle node, want %d at the most", calls, idle, limit)
	}

	img := n.push("beside:1", 3<<20, 3<<20)
	n.registry.SetRate(2_000_000)
	before = len(n.proxy.Calls())
	pull := n.pull(img)
	span := n.waitSpans(img, 1)[0]
	n.checkSuccess(span, img, pull, img.Size())
	calls = len(n.proxy.Calls()) - before
	took := pull.End.Sub(pull.Start)
	t.Logf("%d calls in a pull of %s", calls, took)
	if limit := int(200 * took.Seconds()); calls > limit {
		t.Errorf("%d calls in a pull of %s, want %d at the most", calls, took, limit)
	}
}

// containerd is slow, and has many leases that are no pulls: a look at all of them would take
// six seconds. The pull beside them is looked at all the same.
func TestSlowContainerdWithManyLeases(t *testing.T) {
	t.Parallel()
	const many, slow = 40, 150 * time.Millisecond
	n := newNode(t)
	n.foreignLeases(many)
	n.proxy.Delay(listResources, slow)
	process := n.watch()
	time.Sleep(2 * time.Second)
	img := n.push("slow:1", 6<<20, 6<<20)
	n.registry.SetRate(1_500_000)
	pull := n.pull(img)
	span := n.onlySpan(img, process)
	n.checkAttribute(span, "pulltrace.pull.outcome", "success")
	n.checkAttribute(span, "pulltrace.pull.bytes.downloaded", n.registry.Served(img.Blobs()...))
	var last time.Time
	for _, call := range n.proxy.Calls() {
		if !strings.HasSuffix(call.Method, "Leases/List") {
			continue
		}
		if gap := call.Start.Sub(last); !last.IsZero() && call.Start.After(pull.Start) && gap > 4*time.Second {
			t.Errorf("a look took %s", gap)
		}
		last = call.Start
	}
	if moved := steps(n.points("pulltrace.image.downloaded", img)); moved < 3 {
		t.Errorf("the bytes of a pull of %s moved in %d steps", pull.End.Sub(pull.Start), moved)
	}
}

// foreignLeases makes so many leases that expire, each with three blobs of no image.
func (n *node) foreignLeases(count int) {
	n.Helper()
	c := n.client("builder")
	for i := range count {
		ctx, _ := n.lease(c)
		for j := range 3 {
			n.write(ctx, c, "layer-", ocispec.MediaTypeImageLayer, fmt.Appendf(nil, "blob %d of lease %d", j, i), nil)
		}
	}
}
