package judge

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// Whatever clients do on a node, and whenever looks are taken or given up: each pull that
// a look could see is reported, with one identity and one end, and nothing else is.
func TestRandomHistories(t *testing.T) {
	for seed := range uint64(400) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			h := &histories{w: newWorld(t), random: rand.New(rand.NewPCG(seed, 1)), seen: map[digest.Digest]pull.ID{}, gone: map[digest.Digest]int{}, pulls: map[digest.Digest]bool{}}
			h.run()
		})
	}
}

// histories are clients that act at random, and what was reported of them.
type histories struct {
	w       *world
	random  *rand.Rand
	now     float64
	clients []*client
	pulls   map[digest.Digest]bool // roots that are pulled; whether a look saw them
	seen    map[digest.Digest]pull.ID
	gone    map[digest.Digest]int
}

// client is something that holds a lease, and the steps that it still takes.
type client struct {
	id    string
	steps []func(l *Listed)
}

func (h *histories) run() {
	kinds := []func(*client, string){h.pull, h.pullMovedTag, h.pullTwo, h.save, h.build, h.pullPresent}
	for n := range 6 {
		c := &client{id: fmt.Sprint("lease ", n)}
		kinds[h.random.IntN(len(kinds))](c, fmt.Sprint("app", n))
		h.clients = append(h.clients, c)
	}
	for len(h.clients) > 0 {
		h.now += h.random.Float64() * 2
		n := h.random.IntN(len(h.clients))
		c := h.clients[n]
		l := h.lease(c.id)
		if len(c.steps) == 0 {
			h.w.end(c.id)
			h.clients = append(h.clients[:n:n], h.clients[n+1:]...)
		} else {
			c.steps[0](l)
			c.steps = c.steps[1:]
		}
		switch h.random.IntN(3) {
		case 0: // a look that fails
			k := h.w.namespace.Look(Listing{Daemon: Daemon{UUID: "daemon"}, Now: at(h.now + 0.01), Leases: h.w.leases, Ingests: h.w.ingests})
			for _, want := range k.Wants() {
				if h.random.IntN(2) == 0 {
					k.Take(want, h.w.answer(want))
				}
			}
		default:
			h.look()
		}
	}
	for range 3 {
		h.now += 2
		h.look()
	}
	for root, shown := range h.pulls {
		if shown && h.gone[root] != 1 {
			h.w.t.Errorf("the pull of %s was reported as gone %d times", root, h.gone[root])
		}
	}
}

// lease is the lease of a client, made at its first step.
func (h *histories) lease(id string) *Listed {
	for i := range h.w.leases {
		if h.w.leases[i].Lease.ID == id {
			return &h.w.leases[i]
		}
	}
	return h.w.lease(id, h.now-0.001)
}

func (h *histories) look() {
	for _, r := range h.w.look(h.now + 0.01) {
		root := r.Image.Root
		if _, is := h.pulls[root]; !is {
			h.w.t.Fatalf("reported as a pull: %s of lease %s", root, r.ID.Lease)
		}
		if id, known := h.seen[root]; known && id != r.ID {
			h.w.t.Errorf("the pull of %s was %v and is %v", root, id, r.ID)
		}
		if h.gone[root] > 0 {
			h.w.t.Errorf("the pull of %s is reported after its end", root)
		}
		h.seen[root], h.pulls[root] = r.ID, true
		if r.Gone {
			h.gone[root]++
		}
	}
}

// comes are the steps in which an image comes to the node.
func (h *histories) comes(name string) (steps []func(*Listed)) {
	var i image
	steps = append(steps, func(l *Listed) {
		i = h.w.pulled(name, h.now, 2)
		h.pulls[i.index] = false
		l.list(i.index)
	})
	for n := range 4 {
		steps = append(steps, func(l *Listed) { l.list(i.all()[n+1]) })
	}
	return append(steps, func(*Listed) { h.w.record("registry.example/"+name+":v1", i.index, h.now) })
}

func (h *histories) pull(c *client, name string) { c.steps = h.comes(name) }

// pullMovedTag keeps the old image, as Docker does.
func (h *histories) pullMovedTag(c *client, name string) {
	old := h.w.pulled(name+"-old", -100, 2)
	c.steps = append([]func(*Listed){func(l *Listed) { l.list(old.all()...) }}, h.comes(name)...)
}

// pullTwo pulls two images under one lease.
func (h *histories) pullTwo(c *client, name string) {
	c.steps = append(h.comes(name+"-one"), h.comes(name+"-two")...)
}

// save keeps an image that is there.
func (h *histories) save(c *client, name string) {
	i := h.w.pulled(name, -100, 2)
	c.steps = []func(*Listed){func(l *Listed) { l.list(i.all()...) }, func(*Listed) {}}
}

// build writes an image of its own, from its parts up.
func (h *histories) build(c *client, name string) {
	var i image
	c.steps = []func(*Listed){
		func(l *Listed) {
			i = h.w.pulled(name, h.now, 2)
			for _, d := range i.all() {
				info := h.w.infos[d]
				delete(info.Labels, sourceLabel)
			}
			l.list(i.layers...)
		},
		func(l *Listed) { l.list(i.config, i.manifest) },
		func(l *Listed) { l.list(i.index) },
		func(*Listed) { h.w.record("registry.example/"+name+":v1", i.index, h.now) },
	}
}

// pullPresent pulls what is there.
func (h *histories) pullPresent(c *client, name string) {
	i := h.w.pulled(name, -100, 2)
	h.pulls[i.index] = false
	c.steps = []func(*Listed){
		func(l *Listed) { h.w.visit(i.index, h.now); l.list(i.all()...) },
		func(*Listed) { h.w.record("registry.example/"+name+":v1", i.index, h.now) },
	}
}
