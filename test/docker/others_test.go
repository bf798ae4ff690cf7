package docker

import (
	"path/filepath"
	"testing"

	"github.com/pulltrace/pulltrace/test/docker/engine"
)

// What Docker does with images that are there: none of it is a pull.
func TestWhatIsNoPull(t *testing.T) {
	onNewest(t, func(n *node) {
		img := n.pushProgram("team/app:1", n.layers(3<<20)...)
		n.pull(img)
		other := n.slowPull()
		ctx := n.Context()
		if err := n.docker.Tag(ctx, img.Ref(), "second:1"); err != nil {
			n.Fatal(err)
		}
		if _, err := n.docker.Run(ctx, "second:1"); err != nil {
			n.Fatal(err)
		}
		if err := n.docker.Commit(ctx, img.Ref(), "committed:1"); err != nil {
			n.Fatal(err)
		}
		archive := filepath.Join(n.TempDir(), "image.tar")
		n.wentWell("docker save of what was committed", n.docker.Save(ctx, "committed:1", archive, 0))
		if err := n.docker.Import(ctx, archive, "imported:1"); err != nil { // any tar is a file system
			n.Fatal(err)
		}
		for _, ref := range []string{"committed:1", "imported:1", "second:1"} {
			if err := n.docker.Remove(ctx, ref); err != nil {
				n.Fatal(err)
			}
		}
		n.onlyThis(other)
	})
}

// docker save of an image, read slowly, while the same image is pulled again: the pull is
// one, and the save is none, though the pull touches what the save has pinned.
func TestSaveBesideAPullOfTheSame(t *testing.T) {
	onNewest(t, func(n *node) {
		img := n.push("team/app:1", n.layers(8<<20, 3<<20)...)
		n.pull(img)
		n.watch("--idle-interval=500ms")
		saved := make(chan engine.Call, 1)
		go func() {
			saved <- n.docker.Save(n.Context(), img.Ref(), filepath.Join(n.TempDir(), "image.tar"), 1_500_000)
		}()
		n.sleepUntilStalled()
		again := n.pull(img)
		n.sleepUntilStalled()
		n.wentWell("docker save", <-saved)
		n.wait("the span", func() bool { return len(n.pullSpans(img)) > 0 })
		n.settle()
		n.checkTold(1)
		n.checkDurations(1)
		n.checkSuccess(n.onlySpan(img), img, again, 0)
	})
}

// Two clients pull the same image at once: two pulls, whose bytes exist once.
func TestSameImageTwiceAtOnce(t *testing.T) {
	onNewest(t, func(n *node) {
		img := n.push("team/app:1", n.layers(6<<20, 4<<20)...)
		n.registry.SetRate(4_000_000)
		n.watch()
		first := n.docker.StartPull(n.Context(), img.Ref())
		second := n.docker.StartPull(n.Context(), img.Ref())
		n.wentWell("the first pull", <-first)
		n.wentWell("the second pull", <-second)
		n.wait("both spans", func() bool { return len(n.pullSpans(img)) == 2 })
		n.settle()
		n.checkTold(2)
		n.checkDurations(2)
		served := n.registry.Served(img.Blobs()...)
		n.checkCounted(served, 0)
		var told int64
		for _, span := range n.pullSpans(img) {
			downloaded, _ := span.Attributes["pulltrace.pull.bytes.downloaded"].(int64)
			told += downloaded
			n.checkBytes(span, img, downloaded)
		}
		if told != served {
			n.Errorf("both pulls have downloaded %d bytes, the registry served %d", told, served)
		}
	})
}

// docker build on a base that is being pulled: one pull.
func TestBuildOnWhatIsBeingPulled(t *testing.T) {
	onNewest(t, func(n *node) {
		base := n.pushProgram("team/base:1", n.layers(6<<20, 4<<20)...)
		n.registry.SetRate(3_000_000)
		n.watch()
		pull := n.docker.StartPull(n.Context(), base.Ref())
		n.waitServed(base, 2<<20)
		n.build(n.byDocker, base, "built:1")
		call := n.wentWell("docker pull", <-pull)
		n.wait("the span", func() bool { return len(n.pullSpans(base)) == 1 })
		n.settle()
		n.checkTold(1)
		n.checkDurations(1)
		span := n.onlySpan(base)
		downloaded, _ := span.Attributes["pulltrace.pull.bytes.downloaded"].(int64)
		n.Logf("the pull is told with %d bytes, the registry served %d", downloaded, n.registry.Served(base.Blobs()...))
		n.checkSuccess(span, base, call, downloaded)
	})
}
