package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/core/transfer/image"
	transfer "github.com/containerd/containerd/v2/core/transfer/registry"
	"github.com/containerd/platforms"

	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

// way is one way to have containerd pull an image.
type way struct {
	images    string // options of the CRI plugin
	flags     []string
	namespace string                                // k8s.io when empty
	host      string                                // that the image is asked for by; the registry is its mirror
	program   bool                                  // the call is a program's
	fetchOnly bool                                  // nothing is unpacked
	ownSlots  bool                                  // the client downloads, not the daemon by its slots
	since     string                                // version that has it
	pull      func(*node, *registry.Image) cri.Pull // by CRI when nil
}

// Whichever way an image is pulled, there is one span with the call's own times,
// the name that was asked for, and the bytes that the registry served.
func TestWaysToPull(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]way{
		"CRI without the transfer service": {images: "use_local_image_pull = true"},
		"CRI with two download slots":      {images: "max_concurrent_downloads = 2", flags: []string{"--max-concurrent-downloads=2"}},
		"CRI from a mirror":                {host: "registry.example.com"},
		"ctr images pull":                  {namespace: "default", program: true, pull: (*node).ctrPull},
		"ctr images pull --local":          {namespace: "default", program: true, ownSlots: true, pull: (*node).ctrPullLocal},
		"client.Pull without unpack":       {namespace: "default", fetchOnly: true, ownSlots: true, pull: (*node).clientPull},
		"transfer":                         {namespace: "default", since: "2.0", pull: (*node).transfer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w.check(t)
		})
	}
}

func (w way) check(t *testing.T) {
	t.Helper()
	n := newNodeWith(t, containerd.Options{Images: w.images})
	n.since(w.since, "plain HTTP in its transfer service")
	img := n.push("team/app:1", 1<<20, 1<<20, 2<<20, 1<<20)
	if w.host != "" {
		img.Host = w.host
		n.daemon.Mirror(w.host, n.registry.Host())
	}
	n.registry.SetRate(3_000_000)
	process := n.watch(w.flags...)

	namespace, pull := "k8s.io", (*node).pull
	if w.pull != nil {
		namespace, pull = w.namespace, w.pull
	}
	call := pull(n, img)
	span := n.onlySpan(img, process)
	if w.program {
		call = n.within(call, span, img)
	}
	n.checkSuccessIn(namespace, span, img, call, n.registry.Served(img.Blobs()...))
	if w.fetchOnly {
		n.checkDownloads(span, img)
	} else {
		n.checkTree(span, img.Layers, img)
	}
	n.checkStarts(span, w.ownSlots)
}

// checkDownloads checks the spans below that of a pull that only fetches.
func (n *node) checkDownloads(span otlp.Span, img *registry.Image) {
	n.Helper()
	layers := 0
	for _, child := range n.receiver.Children(span) {
		if child.Name != "layer" {
			continue
		}
		layers++
		if steps := n.receiver.Children(child); len(steps) != 1 || steps[0].Name != "download" {
			n.Errorf("a layer is not a download alone:\n%s", n.receiver.Tree(child))
		}
	}
	if layers != len(img.Layers) {
		n.Errorf("%d layers are told, want %d:\n%s", layers, len(img.Layers), n.receiver.Tree(span))
	}
}

// checkStarts holds the start of each download against the registry's request.
// Of a client that downloads by itself nothing tells how many slots it has: the
// start then may be wrong, and says so.
func (n *node) checkStarts(span otlp.Span, ownSlots bool) {
	n.Helper()
	for _, layer := range n.receiver.Children(span) {
		index := layer.Attributes["pulltrace.layer.index"]
		for _, step := range n.receiver.Children(layer) {
			request, found := n.request(layer.Attributes["pulltrace.layer.digest"])
			if step.Name != "download" || !found {
				continue
			}
			off := step.Start.Sub(request.Start)
			n.Logf("layer %v: download %+.1f ms, %+.1f ms off the registry's request", index, milliseconds(off), milliseconds(step.End.Sub(request.End)))
			inferred := strings.Contains(fmt.Sprint(layer.Attributes["pulltrace.estimated"]), "download.start")
			if off.Abs() > clockLimit+3*lateAround(request.Start) && (!ownSlots || !inferred) {
				n.Errorf("the download of layer %v starts %s after the registry's request", index, off)
			}
		}
	}
}

// request is the first request to the registry for a digest.
func (n *node) request(digest any) (first registry.Request, found bool) {
	requests := n.registry.Requests()
	i := slices.IndexFunc(requests, func(r registry.Request) bool { return r.Digest.String() == digest })
	if i < 0 {
		return first, false
	}
	return requests[i], true
}

// ctrPull pulls by ctr into the namespace default.
func (n *node) ctrPull(img *registry.Image) cri.Pull {
	n.Helper()
	return n.ctrCall(img, "images", "pull", "--plain-http", "--snapshotter", n.daemon.Snapshotter, img.Ref())
}

func (n *node) ctrPullLocal(img *registry.Image) cri.Pull {
	n.Helper()
	return n.ctrCall(img, "images", "pull", "--local", "--plain-http", "--snapshotter", n.daemon.Snapshotter, img.Ref())
}

// ctrCall runs ctr. What the program needs to start and to end is no part of
// the pull, see within.
func (n *node) ctrCall(img *registry.Image, args ...string) cri.Pull {
	n.Helper()
	return n.call(img, func(context.Context) error { n.ctr("default", args...); return nil })
}

// within is the call of a program as the pull inside it can have been: begun
// between the program's start and the first request, ended between the last
// byte and the program's end, otherwise as the span says.
func (n *node) within(program cri.Pull, span otlp.Span, img *registry.Image) cri.Pull {
	n.Helper()
	asked, found := n.request(img.Root.Digest.String())
	if !found {
		n.Fatalf("%s was not asked for", img.Ref())
	}
	var served time.Time
	for _, r := range n.registry.Requests() {
		if slices.Contains(img.Blobs(), r.Digest) && r.End.After(served) {
			served = r.End
		}
	}
	program.Start = clamp(span.Start, program.Start, asked.Start)
	program.End = clamp(span.End, served, program.End)
	return program
}

// ctr runs ctr in a namespace, which must go well.
func (n *node) ctr(namespace string, args ...string) {
	n.Helper()
	n.ctrOutput(namespace, args...)
}

// clientPull fetches an image without unpacking it, in this process.
func (n *node) clientPull(img *registry.Image) cri.Pull {
	n.Helper()
	c := n.client("default")
	return n.call(img, func(ctx context.Context) error {
		_, err := c.Pull(ctx, img.Ref(), client.WithResolver(plainHTTP()), client.WithPlatformMatcher(platforms.Default()))
		return err
	})
}

// transfer pulls by the transfer service into the namespace default.
func (n *node) transfer(img *registry.Image) cri.Pull {
	n.Helper()
	return n.transferTo("default", img)
}

func (n *node) transferTo(namespace string, img *registry.Image) cri.Pull {
	n.Helper()
	c := n.client(namespace)
	source, err := transfer.NewOCIRegistry(n.Context(), img.Ref(), transfer.WithDefaultScheme("http"))
	if err != nil {
		n.Fatal(err)
	}
	platform := platforms.DefaultSpec()
	store := image.NewStore(img.Ref(), image.WithPlatforms(platform), image.WithUnpack(platform, n.daemon.Snapshotter))
	return n.call(img, func(ctx context.Context) error { return c.Transfer(ctx, source, store) })
}

// call clocks a pull, which must go well.
func (n *node) call(img *registry.Image, pull func(context.Context) error) cri.Pull {
	n.Helper()
	p := cri.Pull{Image: img.Ref(), Start: time.Now()}
	p.Err = pull(n.Context())
	p.End = time.Now()
	if p.Err != nil {
		n.Errorf("pulling %s: %v", img.Ref(), p.Err)
	}
	return p
}

// client returns a client of containerd itself.
func (n *node) client(namespace string) *client.Client {
	n.Helper()
	c, err := client.New(n.daemon.Socket, client.WithDefaultNamespace(namespace))
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() { c.Close() })
	return c
}

func plainHTTP() remotes.Resolver {
	return docker.NewResolver(docker.ResolverOptions{
		Hosts: docker.ConfigureDefaultRegistries(docker.WithPlainHTTP(docker.MatchAllHosts)),
	})
}
