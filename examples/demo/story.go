package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pulltrace/pulltrace/test/registry"
)

// MiB is also the step in which containerd tells how far a download is.
const MiB = 1 << 20

// host is in every image's name. The daemon asks the local registry for it.
const host = "hub.example"

// roles are the images in the order in which they come on, and their fates.
var roles = []role{{
	name: "ml/model:7b", fate: "is large and slow",
	layers: []int64{4 * MiB, 36 * MiB}, rate: 1.5 * MiB,
}, {
	name: "shop/web:1.4", fate: "is quickly there",
	enters: 1 * time.Second, layers: []int64{6 * MiB, 4 * MiB, 3 * MiB}, rate: 5 * MiB,
}, {
	name: "shop/api:2.0", fate: "shares two layers with shop/web",
	enters: 5 * time.Second, base: "shop/web:1.4", layers: []int64{5 * MiB}, rate: 3 * MiB,
}, {
	name: "media/encoder:3.1", fate: "stalls for 6 s, then goes on",
	enters: 8 * time.Second, layers: []int64{2 * MiB, 14 * MiB}, rate: 3 * MiB, stallAt: 6 * MiB,
}, {
	name: "edge/router:5", fate: "is cut off, and pulled again",
	enters: 20 * time.Second, layers: []int64{3 * MiB, 10 * MiB}, rate: 3 * MiB, cutAt: 4 * MiB,
}}

// role is one image and what happens to it.
type role struct {
	name   string        // repository and tag
	fate   string        // as told to the audience
	enters time.Duration // after the first
	base   string        // an earlier image whose first two layers are its own first two
	layers []int64       // sizes of its own layers, bytes
	rate   int           // bytes a second that the registry gives it

	// Trouble with its last layer, at an offset in bytes.
	stallAt, cutAt int64

	image *registry.Image
}

const (
	stallFor   = 6 * time.Second
	retryAfter = 2 * time.Second
)

// story is the roles on the stage of a registry.
type story struct {
	registry *registry.Registry
	roles    []role
}

// newStory pushes the images of all roles to the registry.
func newStory(reg *registry.Registry) (*story, error) {
	s := &story{registry: reg, roles: slices.Clone(roles)}
	pushed := make(map[string]*registry.Image)
	for i := range s.roles {
		r := &s.roles[i]
		layers, err := registry.NewLayers(r.layers...)
		if err != nil {
			return nil, fmt.Errorf("making %s: %w", r.name, err)
		}
		if r.base != "" {
			layers = append(pushed[r.base].Layers[:2:2], layers...)
		}
		if r.image, err = reg.Push(r.name, layers); err != nil {
			return nil, fmt.Errorf("making %s: %w", r.name, err)
		}
		pushed[r.name] = r.image
		repository, _, _ := strings.Cut(r.name, ":")
		reg.SetRepositoryRate(repository, r.rate)
	}
	return s, nil
}

// pullFunc pulls an image by its reference and returns when it is there.
type pullFunc func(ctx context.Context, ref string) error

// play pulls all images, each when its time has come.
func (s *story) play(ctx context.Context, pull pullFunc) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, r := range s.roles {
		g.Go(func() error {
			if !sleep(ctx, r.enters) {
				return ctx.Err()
			}
			return s.perform(ctx, r, pull)
		})
	}
	return g.Wait()
}

// perform pulls one image through its troubles.
func (s *story) perform(ctx context.Context, r role, pull pullFunc) error {
	ref := host + "/" + r.name
	last := r.image.Layers[len(r.image.Layers)-1].Digest
	switch {
	case r.stallAt > 0:
		s.registry.SetFaults(last, registry.StallAt(r.stallAt))
		go func() {
			for s.registry.Served(last) < r.stallAt && sleep(ctx, 50*time.Millisecond) {
			}
			sleep(ctx, stallFor)
			s.registry.SetFaults(last)
		}()
	case r.cutAt > 0:
		s.registry.SetFaults(last, registry.CutAt(r.cutAt))
		if err := pull(ctx, ref); err == nil {
			return fmt.Errorf("pulling %s: the connection was cut and nobody minded", ref)
		}
		if !sleep(ctx, retryAfter) {
			return ctx.Err()
		}
		s.registry.SetFaults(last)
	}
	return pull(ctx, ref)
}
