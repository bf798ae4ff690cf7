package docker

import (
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/registry"
)

// docker pull of an image that is new, and again: what the registry served, and then that
// all of it was there.
func TestPullAndPullAgain(t *testing.T) {
	onEachEngine(t, func(n *node) {
		img := n.push("team/app:1", n.layers(8<<20, 4<<20, 200_000)...)
		n.registry.SetRate(6_000_000)
		n.watch()
		first := n.pull(img)
		served := n.registry.Served(img.Blobs()...)
		n.wait("the span of the first pull", func() bool { return len(n.pullSpans(img)) == 1 })
		again := n.pull(img)
		n.wait("the span of the second pull", func() bool { return len(n.pullSpans(img)) == 2 })
		n.settle()

		n.checkTold(2)
		n.checkCounted(served, 0)
		n.checkDurations(2)
		if now := n.registry.Served(img.Blobs()...); now != served {
			n.Errorf("the second pull has fetched %d bytes", now-served)
		}
		spans := n.pullSpans(img)
		if len(spans) != 2 {
			n.FailNow()
		}
		n.checkSuccess(spans[0], img, first, served)
		n.checkSuccess(spans[1], img, again, 0)
	})
}

// docker pull of a tag that has moved, of which Docker has the old image: one pull, of the
// new image.
func TestTagHasMoved(t *testing.T) {
	onEachEngine(t, func(n *node) {
		shared := n.layers(2 << 20)
		old := n.push("team/app:latest", append(shared, n.layers(3<<20)...)...)
		n.watch()
		n.pull(old)
		n.wait("the span of the old image", func() bool { return len(n.pullSpans(old)) == 1 })

		moved := n.push("team/app:latest", append(shared, n.layers(6<<20, 6<<20)...)...)
		n.registry.SetRate(6_000_000)
		before := n.registry.Served(moved.Blobs()...)
		call := n.pull(moved)
		served := n.registry.Served(moved.Blobs()...) - before
		n.wait("the span of the new image", func() bool { return len(n.pullSpans(moved)) == 1 })
		n.settle()

		n.checkTold(2)
		n.checkSuccess(n.onlySpan(moved), moved, call, served)
		n.checkDurations(2)
		n.checkCounted(n.registry.Served(old.Blobs()...)+served, 0)
	})
}

// The same while another pull runs, so that Pulltrace looks each second, and a registry that
// takes its time to answer, so that it looks while the lease holds the old image alone.
func TestTagHasMovedBesideAnother(t *testing.T) {
	onEachEngine(t, func(n *node) {
		old := n.push("team/app:latest", n.layers(3<<20, 2<<20)...)
		n.pull(old)
		moved := n.push("team/app:latest", n.layers(6<<20, 6<<20)...)
		n.registry.SetFaults(moved.Root.Digest, registry.Delay(1500*time.Millisecond))
		n.registry.SetFaults(moved.Manifest.Digest, registry.Delay(1500*time.Millisecond))
		other := n.push("team/other:1", n.layers(12<<20)...)
		n.registry.SetRepositoryRate("team/other", 1_000_000)
		n.registry.SetRepositoryRate("team/app", 3_000_000)

		n.watch()
		running := n.docker.StartPull(n.Context(), other.Ref())
		n.wait("the other pull to be told", func() bool { return n.peak("pulltrace.pull.active") > 0 })
		call := n.pull(moved)
		beside := n.wentWell("docker pull "+other.Ref(), <-running)
		n.wait("both spans", func() bool { return len(n.pullSpans(moved)) == 1 && len(n.pullSpans(other)) == 1 })
		n.settle()

		n.checkTold(2)
		n.checkSuccess(n.onlySpan(moved), moved, call, n.registry.Served(moved.Blobs()...))
		n.checkSuccess(n.onlySpan(other), other, beside, n.registry.Served(other.Blobs()...))
		n.checkDurations(2)
	})
}

// docker pull -a of three tags, which is one lease: three pulls.
func TestAllTags(t *testing.T) {
	onNewest(t, func(n *node) {
		var images []*registry.Image
		for _, tag := range []string{"1", "2", "3"} {
			images = append(images, n.push("team/app:"+tag, n.layers(6<<20, 5<<20)...))
		}
		n.registry.SetRate(4_000_000)
		n.watch()
		call := n.wentWell("docker pull -a", n.docker.PullAll(n.Context(), images[0].Name()))
		n.wait("three spans", func() bool { return len(n.receiver.Spans("pull image")) == 3 })
		n.settle()

		n.checkTold(3)
		n.checkDurations(3)
		var all int64
		for _, img := range images {
			served := n.registry.Served(img.Blobs()...)
			all += served
			span := n.onlySpan(img)
			n.checkBytes(span, img, served)
			if span.Start.Before(call.Start.Add(-clockLimit)) || span.End.After(call.End.Add(clockLimit)) {
				n.Errorf("the pull of %s is told from %s to %s, the client's call was from %s to %s", img.Ref(), span.Start, span.End, call.Start, call.End)
			}
		}
		n.checkCounted(all, 0)
	})
}

// Two pulls at once whose images share layers: each byte counts once.
func TestTwoAtOnce(t *testing.T) {
	onNewest(t, func(n *node) {
		shared := n.layers(6<<20, 5<<20)
		one := n.push("team/one:1", append(shared, n.layers(3<<20)...)...)
		two := n.push("team/two:1", append(shared, n.layers(4<<20)...)...)
		n.registry.SetRate(4_000_000)
		n.watch()
		first := n.docker.StartPull(n.Context(), one.Ref())
		second := n.docker.StartPull(n.Context(), two.Ref())
		n.wentWell("the first pull", <-first)
		n.wentWell("the second pull", <-second)
		n.wait("both spans", func() bool { return len(n.pullSpans(one)) == 1 && len(n.pullSpans(two)) == 1 })
		n.settle()

		n.checkTold(2)
		served := n.registry.Served(append(one.Blobs(), two.Blobs()...)...)
		var told int64
		for _, img := range []*registry.Image{one, two} {
			downloaded, _ := n.onlySpan(img).Attributes["pulltrace.pull.bytes.downloaded"].(int64)
			told += downloaded
			n.checkBytes(n.onlySpan(img), img, downloaded)
		}
		if told != served {
			n.Errorf("both pulls have downloaded %d bytes, the registry served %d", told, served)
		}
		n.checkCounted(served, 0)
	})
}

// docker run of an image that is missing is a pull, and again is none.
func TestRunOfAMissingImage(t *testing.T) {
	onNewest(t, func(n *node) {
		img := n.pushProgram("team/app:1", n.layers(4<<20)...)
		n.registry.SetRate(4_000_000)
		n.watch()
		pull, err := n.docker.Run(n.Context(), img.Ref())
		if err != nil {
			n.Fatal(err)
		}
		n.wait("the span", func() bool { return len(n.pullSpans(img)) == 1 })
		again, err := n.docker.Run(n.Context(), img.Ref())
		if err != nil {
			n.Fatal(err)
		}
		if !again.Start.IsZero() {
			n.Error("Docker has pulled an image that was there")
		}
		n.settle()
		n.checkTold(1)
		n.checkDurations(1)
		n.checkSuccess(n.onlySpan(img), img, pull, n.registry.Served(img.Blobs()...))
	})
}
