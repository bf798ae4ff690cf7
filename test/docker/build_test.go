package docker

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/docker/engine"
	"github.com/pulltrace/pulltrace/test/registry"
)

// builder is Docker, or a BuildKit that stands alone.
type builder func(dir, ref string) engine.Call

func (n *node) byDocker(dir, ref string) engine.Call { return n.docker.Build(n.Context(), dir, ref) }

// docker build on a base that was pulled: no pull, and nothing that stalls or fails, though
// BuildKit leaves a lease for each build and the pull beside has Pulltrace look all the time.
func TestBuildOnWhatIsThere(t *testing.T) {
	onNewest(t, func(n *node) {
		base := n.pushProgram("team/base:1", n.layers(6<<20)...)
		n.pull(base)
		other := n.slowPull()
		for i := range 3 {
			n.build(n.byDocker, base, fmt.Sprintf("built:%d", i))
		}
		n.onlyThis(other)
	})
}

// docker build on a base that is missing: BuildKit fetches it in its own way, of which
// nothing is told. When Docker pulls that base, it is one pull that fetches nothing, and the
// leases that the build has left are none.
func TestBuildOnWhatIsMissing(t *testing.T) {
	onNewest(t, func(n *node) {
		base := n.pushProgram("team/base:1", n.layers(6<<20)...)
		n.registry.SetRepositoryRate("team/base", 3_000_000)
		n.watch()
		n.build(n.byDocker, base, "built:1")
		if n.registry.Served(base.Blobs()...) < base.Size()-base.Config.Size {
			n.Fatal("BuildKit has not fetched the base")
		}
		time.Sleep(threshold)
		if got := len(n.receiver.Spans("pull image")); got != 0 {
			n.Errorf("a build is told as %d pulls", got)
		}
		call := n.pull(base)
		n.wait("the span", func() bool { return len(n.pullSpans(base)) == 1 })
		n.settle()
		n.checkTold(1)
		n.checkDurations(1)
		n.checkSuccess(n.onlySpan(base), base, call, 0)
	})
}

// The same beside a pull, with a registry that takes its time to answer, so that Pulltrace
// looks while BuildKit resolves the base.
func TestBuildOnWhatIsMissingBesideAPull(t *testing.T) {
	onNewest(t, func(n *node) {
		base := n.slowBase()
		other := n.slowPull()
		n.build(n.byDocker, base, "built:1")
		n.onlyThis(other)
	})
}

// A BuildKit that stands alone, on a base that is missing, with a look in its resolve, and
// again with the base there.
func TestBuildKitAlone(t *testing.T) {
	withoutDocker(t, func(n *node) {
		base := n.slowBase()
		alone := engine.StartBuildKit(n, n.daemon, n.registry.Host())
		build := func(dir, ref string) engine.Call { return alone.Build(n.Context(), dir, ref) }
		n.watch("--idle-interval=500ms")
		n.build(build, base, "docker.io/library/built:1")
		n.build(build, base, "docker.io/library/built:2")
		n.settle()
		n.checkTold(0)
	})
}

// A BuildKit that stands alone, on a base that was pulled into its namespace, so that all
// of it has the labels of a pull.
func TestBuildKitAloneOnWhatIsThere(t *testing.T) {
	withoutDocker(t, func(n *node) {
		base := n.pushProgram("team/base:1", n.layers(6<<20)...)
		alone := engine.StartBuildKit(n, n.daemon, n.registry.Host())
		build := func(dir, ref string) engine.Call { return alone.Build(n.Context(), dir, ref) }
		n.watch("--idle-interval=500ms")
		pull := n.daemon.Ctr(n.Context(), "buildkit", "images", "pull", "--plain-http", "--snapshotter", n.daemon.Snapshotter, base.Ref())
		if out, err := pull.CombinedOutput(); err != nil {
			n.Fatalf("ctr images pull: %v\n%s", err, out)
		}
		n.wait("the span of the pull", func() bool { return len(n.pullSpans(base)) == 1 })
		for i := range 2 {
			n.build(build, base, fmt.Sprintf("docker.io/library/built:%d", i))
		}
		n.settle()
		n.checkTold(1)
		n.checkDurations(1)
	})
}

// slowBase makes a base whose index and manifest take their time to come.
func (n *node) slowBase() *registry.Image {
	n.Helper()
	base := n.pushProgram("team/base:1", n.layers(6<<20)...)
	n.registry.SetRepositoryRate("team/base", 3_000_000)
	n.registry.SetFaults(base.Root.Digest, registry.Delay(1500*time.Millisecond))
	n.registry.SetFaults(base.Manifest.Digest, registry.Delay(1500*time.Millisecond))
	return base
}

// build builds an image of a base and one step more, which must go well.
func (n *node) build(by builder, base *registry.Image, ref string) {
	n.Helper()
	dir := n.TempDir()
	text := fmt.Sprintf("FROM %s\nRUN [\"/step\", \"/built\"]\n", base.Ref())
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o600); err != nil {
		n.Fatal(err)
	}
	call := n.wentWell("building "+ref, by(dir, ref))
	n.Logf("building %s took %s", ref, call.Took())
}
