package docker

import (
	"path/filepath"
	"testing"

	"github.com/pulltrace/pulltrace/test/docker/engine"
	"github.com/pulltrace/pulltrace/test/registry"
)

// docker save pins what it writes by a lease that expires. It is no pull, be it read fast
// or more slowly than the threshold of a stall, and neither is docker load of what came.
func TestSaveAndLoad(t *testing.T) {
	onEachEngine(t, func(n *node) {
		img := n.push("team/app:1", n.layers(8<<20, 3<<20)...)
		n.pull(img)
		other := n.slowPull()
		archive := filepath.Join(n.TempDir(), "image.tar")
		n.wentWell("docker save", n.docker.Save(n.Context(), img.Ref(), archive, 0))
		slow := n.wentWell("docker save, read slowly", n.docker.Save(n.Context(), img.Ref(), archive, 1_500_000))
		if slow.Took() < threshold {
			n.Fatalf("docker save took %s, too short to stall", slow.Took())
		}
		n.wentWell("docker load of what is there", n.docker.Load(n.Context(), archive))
		if err := n.docker.Remove(n.Context(), img.Ref()); err != nil {
			n.Fatal(err)
		}
		n.wentWell("docker load of what is gone", n.docker.Load(n.Context(), archive))
		n.onlyThis(other)
	})
}

// docker push to another registry is no pull, though it takes its time.
func TestPush(t *testing.T) {
	onEachEngine(t, func(n *node) {
		img := n.push("team/app:1", n.layers(8<<20, 3<<20)...)
		n.pull(img)
		other := n.slowPull()
		to := n.startRegistry()
		to.SetRate(2_000_000)
		ref := to.Host() + "/team/app:1"
		if err := n.docker.Tag(n.Context(), img.Ref(), ref); err != nil {
			n.Fatal(err)
		}
		push := n.wentWell("docker push", n.docker.Push(n.Context(), ref))
		if push.Took() < threshold {
			n.Fatalf("docker push took %s, too short to stall", push.Took())
		}
		if !to.Has(img) {
			n.Fatal("docker push has not brought the whole image")
		}
		n.onlyThis(other)
	})
}

// running is a pull that goes on beside what is tested.
type running struct {
	img  *registry.Image
	done <-chan engine.Call
}

// slowPull starts pulltrace and then a pull that is slow and goes on all the time, so that
// Pulltrace looks each second: on a node that pulls nothing it hardly ever looks.
func (n *node) slowPull() running {
	n.Helper()
	img := n.push("team/beside:1", n.layers(12<<20, 200_000)...)
	n.registry.SetRepositoryRate("team/beside", 900_000)
	n.watch()
	pull := running{img, n.docker.StartPull(n.Context(), img.Ref())}
	n.wait("the slow pull to be told", func() bool { return n.peak("pulltrace.pull.active") > 0 })
	return pull
}

// onlyThis waits for the pull beside, and checks that it is the only one that was told.
func (n *node) onlyThis(beside running) {
	n.Helper()
	call := n.wentWell("the pull beside", <-beside.done)
	n.wait("the span of the pull beside", func() bool { return len(n.pullSpans(beside.img)) == 1 })
	n.settle()
	n.checkTold(1)
	n.checkDurations(1)
	n.checkNoneElse(beside.img)
	n.checkSuccess(n.onlySpan(beside.img), beside.img, call, n.registry.Served(beside.img.Blobs()...))
}

// checkNoneElse checks that no series was told of any image but this one, and that never
// more than one pull was said to run.
func (n *node) checkNoneElse(img *registry.Image) {
	n.Helper()
	for _, p := range n.receiver.Points("pulltrace.image.layer.count") {
		if p.Attributes["oci.manifest.digest"] != img.Root.Digest.String() {
			n.Fatalf("told as a pull: %s", p.Attributes)
		}
	}
	if most := n.mostActive(); most > 1 {
		n.Errorf("%g pulls are said to run at once, there is one", most)
	}
}

// mostActive is the highest number of pulls that were said to run at one time.
func (n *node) mostActive() (most float64) {
	at := map[int64]float64{}
	for _, p := range n.receiver.Points("pulltrace.pull.active") {
		at[p.Time.UnixNano()] += p.Value
		most = max(most, at[p.Time.UnixNano()])
	}
	return most
}
