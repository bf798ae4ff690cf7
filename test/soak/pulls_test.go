//go:build linux

package soak

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/core/transfer/image"
	transfer "github.com/containerd/containerd/v2/core/transfer/registry"
	"github.com/containerd/platforms"

	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/registry"
)

// backOff is how long a client waits after a pull that failed at once.
const backOff = 500 * time.Millisecond

// longest is for how long no pull takes, whatever goes wrong.
const longest = 90 * time.Second

// play lets the stories happen, some at once, and closes done after the last one.
func (r *round) play(stories []story) (done chan struct{}) {
	next := make(chan story)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for s := range next {
				time.Sleep(s.rest)
				r.tell(s)
			}
		})
	}
	done = make(chan struct{})
	go func() {
		defer close(done)
		for _, s := range stories {
			next <- s
		}
		close(next)
		all.Wait()
	}()
	return done
}

// tell lets one story happen.
func (r *round) tell(s story) {
	img, err := r.push(s)
	if err != nil {
		r.Error(err)
		return
	}
	switch s.fate {
	case good:
		r.pull(s, img, "a good pull")
	case again:
		r.pull(s, img, "a good pull")
		r.pull(s, img, "a pull of what is there")
	case together:
		var two sync.WaitGroup
		for range 2 {
			two.Go(func() { r.pull(s, img, "one of two at once") })
		}
		two.Wait()
	case cancelled:
		r.pullFor(s, img, "a pull that is cancelled", s.after)
	case refused:
		r.registry.SetFaults(img.Root.Digest, registry.Status(404))
		r.pull(s, img, "a pull that is refused")
	case broken:
		last := img.Layers[len(img.Layers)-1]
		r.registry.SetFaults(last.Digest, failures[s.wrong](last), registry.Delay(s.after/2))
		r.pull(s, img, "a pull whose layer is "+s.wrong)
		r.registry.SetFaults(last.Digest)
		if s.retry {
			r.pull(s, img, "a retry")
		}
	case killed:
		r.pullKilled(s, img)
		s.by = byCRI
		r.pull(s, img, "a pull after a killed client")
	}
}

func (r *round) push(s story) (*registry.Image, error) {
	layers, err := registry.NewLayers(s.sizes...)
	if err != nil {
		return nil, err
	}
	img, err := r.registry.Push(s.name+":1", layers)
	if err != nil {
		return nil, err
	}
	r.registry.SetRepositoryRate(img.Repository, int(float64(img.Size())/s.takes.Seconds()))
	return img, nil
}

// pull pulls an image to its end.
func (r *round) pull(s story, img *registry.Image, what string) { r.pullFor(s, img, what, longest) }

// pullFor pulls an image, and gives up after some time. That has no deadline: containerd
// would know it too.
func (r *round) pullFor(s story, img *registry.Image, what string, after time.Duration) {
	r.waitUp()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	p := r.begin(s.by.namespace(), img, what+" by "+string(s.by))
	timer := time.AfterFunc(after, cancel)
	err := r.call(ctx, s.by, img)
	r.end(p, err)
	if !timer.Stop() && after == longest {
		r.Errorf("%s did not end within %s", p.what, longest)
	}
	if err != nil && p.end-p.start < backOff {
		time.Sleep(backOff) // where all fail at once, as on a full disk
	}
}

func (w way) namespace() string {
	if w == byCRI {
		return "k8s.io"
	}
	return "default"
}

// call makes one pull, as a client that has just been started.
func (r *round) call(ctx context.Context, by way, img *registry.Image) error {
	if by == byCRI {
		c, err := cri.Dial(r.daemon.Socket)
		if err != nil {
			return err
		}
		defer c.Close()
		return c.Pull(ctx, img.Ref()).Err
	}
	c, err := r.client(by.namespace())
	if err != nil {
		return err
	}
	defer c.Close()
	if by == byClient {
		_, err := c.Pull(ctx, img.Ref(), client.WithPlatformMatcher(platforms.Default()),
			client.WithPullUnpack, client.WithPullSnapshotter(r.daemon.Snapshotter),
			client.WithResolver(docker.NewResolver(docker.ResolverOptions{
				Hosts: docker.ConfigureDefaultRegistries(docker.WithPlainHTTP(docker.MatchAllHosts)),
			})))
		return err
	}
	source, err := transfer.NewOCIRegistry(ctx, img.Ref(), transfer.WithDefaultScheme("http"))
	if err != nil {
		return err
	}
	platform := platforms.DefaultSpec()
	store := image.NewStore(img.Ref(), image.WithPlatforms(platform), image.WithUnpack(platform, r.daemon.Snapshotter))
	return c.Transfer(ctx, source, store)
}

// pullKilled has ctr pull an image into the CRI's namespace, and kills it in the middle of
// the first layer.
func (r *round) pullKilled(s story, img *registry.Image) {
	layer := img.Layers[0]
	r.registry.SetFaults(layer.Digest, registry.StallAt(2<<20))
	defer r.registry.SetFaults(layer.Digest)
	args := []string{"images", "pull", "--plain-http", "--snapshotter", r.daemon.Snapshotter}
	if s.local {
		args = append(args, "--local")
	}
	r.waitUp()
	r.swap.RLock()
	program := r.daemon.Ctr(r.Context(), "k8s.io", append(args, img.Ref())...)
	r.swap.RUnlock()
	program.Stdout, program.Stderr = io.Discard, io.Discard
	p := r.begin("k8s.io", img, fmt.Sprintf("a pull by ctr (local: %t) that is killed", s.local))
	if err := program.Start(); err != nil {
		r.Error(err)
		return
	}
	exited := make(chan error, 1)
	go func() { exited <- program.Wait() }()
	for range 200 { // it may have failed before
		if r.registry.Served(layer.Digest) >= 2<<20 || len(exited) > 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(s.after) // for a look at it
	p.left = len(exited) == 0
	program.Process.Kill()
	r.end(p, <-exited)
	time.Sleep(time.Second) // for containerd to notice
}
