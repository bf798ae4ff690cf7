package judge

import (
	"slices"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// What a lease lists, and the roots of the pulls that are reported of it.
func TestRoots(t *testing.T) {
	part := digest.FromString("part")
	for name, test := range map[string]struct {
		world func(w *world) []digest.Digest // sets it up for a look at 10 s, and returns the roots
		gone  bool                           // look once more when it is gone
	}{
		"nothing yet": {world: func(w *world) []digest.Digest { w.lease("a", 0); return nil }},
		"the ingest of a root": {world: func(w *world) []digest.Digest {
			w.open(w.lease("a", 0), "index", part, 1, 0, 0)
			return []digest.Digest{part}
		}},
		"the ingest of a manifest after a part of it, as builds write": {world: func(w *world) []digest.Digest {
			l := w.lease("a", 0, w.put([]byte("part"), 1, ""))
			w.open(l, "manifest", digest.FromString("own"), 2, 0, 0)
			return nil
		}},
		"an ingest without a digest, as imports have": {world: func(w *world) []digest.Digest {
			l := w.lease("a", 0)
			w.open(l, "index", part, 1, 0, 0)
			l.Resources = append(l.Resources, leases.Resource{Type: "ingests", ID: "tar-layer.tar"})
			return nil
		}},
		"an image that comes": {world: func(w *world) []digest.Digest {
			i := w.pulled("app", 1, 2)
			w.lease("a", 0, i.all()...)
			return []digest.Digest{i.index}
		}},
		"a manifest without an index": {world: func(w *world) []digest.Digest {
			i := w.pulled("app", 1, 2)
			w.lease("a", 0, i.all()[1:]...)
			return []digest.Digest{i.manifest}
		}},
		"a blob whose labels have not come": {world: func(w *world) []digest.Digest {
			i := w.pulled("app", 1, 2)
			info := w.infos[i.index]
			info.Labels = nil
			w.infos[i.index] = info
			w.open(w.lease("a", 0, i.index), "manifest", i.manifest, 2, 0, 0)
			return nil
		}},
		"an image that is kept, as docker save does": {world: func(w *world) []digest.Digest {
			w.lease("a", 0, w.pulled("app", -5, 2).all()...)
			return nil
		}},
		"an image that is there and visited": {world: func(w *world) []digest.Digest {
			i := w.pulled("app", -5, 2)
			w.visit(i.index, 1)
			w.lease("a", 0, i.all()...)
			return []digest.Digest{i.index}
		}},
		"an old image that is kept while a new one of the tag comes, as docker pull does": {world: func(w *world) []digest.Digest {
			old, now := w.pulled("app", -5, 2), w.pulled("app", 1, 3)
			w.lease("a", 0, append(old.all(), now.all()...)...)
			return []digest.Digest{now.index}
		}},
		"an old image that is kept while the name is resolved": {world: func(w *world) []digest.Digest {
			w.lease("a", 0, w.pulled("app", -5, 2).all()...)
			return nil
		}},
		"two images": {world: func(w *world) []digest.Digest {
			one, two := w.pulled("one", 1, 2), w.pulled("two", 3, 2)
			w.lease("a", 0, append(one.all(), two.all()...)...)
			return []digest.Digest{one.index, two.index}
		}},
		"an import of what had been pulled": {world: func(w *world) []digest.Digest {
			i := w.pulled("app", -5, 2)
			w.visit(i.index, 1)
			own := w.put(w.json(map[string]any{"manifests": []any{w.descriptor(i.index)}}), 1, "", i.index)
			w.lease("a", 0, append(i.all(), own)...)
			return nil
		}},
		"an image made of what had been pulled": {world: func(w *world) []digest.Digest {
			i := w.pulled("app", -5, 2)
			own := w.put(w.json(map[string]any{"config": w.descriptor(i.config), "layers": []any{}}), 1, "", i.config)
			w.lease("a", 0, append(i.all(), own)...)
			return nil
		}},
		"a manifest whose labels leave out its layers, which are thrown away": {world: func(w *world) []digest.Digest {
			i := w.pulled("app", 1, 3)
			info := w.infos[i.manifest]
			info.Labels = map[string]string{sourceLabel: "app", "containerd.io/gc.ref.content.config": i.config.String()}
			w.infos[i.manifest] = info
			w.lease("a", 0, i.index, i.manifest, i.config, i.layers[1])
			return []digest.Digest{i.index}
		}},
		"a lone blob": {gone: true, world: func(w *world) []digest.Digest {
			w.lease("a", 0, w.put([]byte("part"), 1, "app"))
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			want := test.world(w)
			got := rootsOf(w.look(10))
			if len(got) == 0 { // an unnamed root is waited for
				got = rootsOf(w.look(12))
			}
			if test.gone {
				w.end("a")
				got = append(got, rootsOf(w.look(13))...)
			}
			if !slices.Equal(got, want) {
				t.Errorf("roots %v, want %v", got, want)
			}
		})
	}
}

func rootsOf(readings []pull.Reading) (roots []digest.Digest) {
	for _, r := range readings {
		roots = append(roots, r.Image.Root)
	}
	return roots
}

// Several images under one lease are several pulls, each with an end of its own.
func TestSeveralPullsOfOneLease(t *testing.T) {
	w := newWorld(t)
	one := w.pulled("one", 1, 2)
	w.lease("a", 0, one.all()...)
	first := w.look(2)
	two := w.pulled("two", 4, 2)
	w.leases[0].list(two.all()...)
	w.record("registry.example/one:v1", one.index, 3)
	both := w.look(5)
	if len(first) != 1 || len(both) != 2 {
		t.Fatalf("%d readings, then %d; want 1 and 2", len(first), len(both))
	}
	if a, b := both[0], both[1]; a.ID != first[0].ID || !a.Gone || b.Gone || !b.Created.Equal(at(4)) || !b.StartUnknown || a.ID == b.ID {
		t.Errorf("the first one is %+v, the second %+v", a, b)
	}
	if again := w.look(6); len(again) != 1 || again[0].ID != both[1].ID {
		t.Errorf("then %+v", again)
	}
	w.end("a")
	if last := w.look(7); len(last) != 1 || !last[0].Gone {
		t.Errorf("at the end %+v", last)
	}
}

// Whoever watches next reports nothing of an image that was over before.
func TestImageThatWasOverBefore(t *testing.T) {
	w := newWorld(t)
	one, two := w.pulled("one", 1, 2), w.pulled("two", 4, 2)
	w.lease("a", 0, append(one.all(), two.all()...)...)
	w.record("registry.example/one:v1", one.index, 3)
	w.namespace = NewNamespace("moby", w.namespace.platform, at(4.5)) // no event of before
	if got := rootsOf(w.look(5)); !slices.Equal(got, []digest.Digest{two.index}) {
		t.Errorf("roots %v, want that of the second image %s", got, two.index)
	}
}

// The same ID of a lease may be used again.
func TestLeaseIDThatIsUsedAgain(t *testing.T) {
	w := newWorld(t)
	w.lease("a", 0, w.pulled("one", 1, 1).all()...)
	first := w.look(2)
	w.end("a")
	w.lease("a", 3, w.pulled("two", 4, 1).all()...)
	second := w.look(5)
	if len(first) != 1 || len(second) != 2 || second[0].ID == second[1].ID {
		t.Fatalf("first %+v, then %+v", first, second)
	}
}

// A builder's lease is no pull, whatever it lists.
func TestBuilders(t *testing.T) {
	if l := (leases.Lease{Labels: map[string]string{"buildkit/lease.temporary": ""}}); !IsBuilders(l) {
		t.Error("a lease of BuildKit is not known as a builder's")
	}
	if IsBuilders(leases.Lease{}) {
		t.Error("any lease is a builder's")
	}
}

// A lease that has expired is over, unless something still moves.
func TestExpiredLease(t *testing.T) {
	w := newWorld(t)
	i := w.pulled("app", 1, 2)
	l := w.lease("a", 0, i.all()[:3]...)
	l.Lease.Labels["containerd.io/gc.expire"] = at(100).Format(time.RFC3339)
	w.open(l, "layer", i.layers[0], 2, 1<<20, 9<<20)
	delete(w.infos, i.layers[0])
	if r := w.look(5); len(r) != 1 || r[0].Gone {
		t.Fatalf("before its expiry: %+v", r)
	}
	w.ingests[0].UpdatedAt = at(138)
	if r := w.look(140); len(r) != 1 || r[0].Gone {
		t.Errorf("while it still moves: %+v", r)
	}
	if r := w.look(200); len(r) != 1 || !r[0].Gone {
		t.Errorf("afterwards: %+v", r)
	}
	if r := w.look(210); len(r) != 0 {
		t.Errorf("it is reported again: %+v", r)
	}
}

// A look that is given up loses nothing.
func TestLookThatIsGivenUp(t *testing.T) {
	w := newWorld(t)
	i := w.pulled("app", 1, 2)
	w.lease("a", 0, i.all()...)
	first := w.look(2)
	w.end("a")
	w.record("registry.example/app:v1", i.index, 2.5)
	if gone, _ := w.begin(3).Readings(); len(gone) != 1 || !gone[0].Gone {
		t.Fatalf("at first %+v", gone)
	}
	if again := w.look(4); len(again) != 1 || !again[0].Gone || again[0].ID != first[0].ID {
		t.Errorf("after a look that was given up: %+v", again)
	}
	if over := w.look(5); len(over) != 0 {
		t.Errorf("after its end: %+v", over)
	}
}

// A blob of a lease that is no pull is asked for ever more rarely.
func TestBlobsOfNoPull(t *testing.T) {
	w := newWorld(t)
	l := w.lease("a", 0, w.put([]byte("x"), 1, ""), w.put([]byte("y"), 1, ""))
	listed := 0
	for s := range 300 {
		if l.Same = w.namespace.IsQuiet(l.Lease, at(2+float64(s))); !l.Same {
			listed++
		}
		w.look(2 + float64(s))
	}
	if limit := 2 * 60; w.asked > limit {
		t.Errorf("%d calls in 300 looks, want %d at the most", w.asked, limit)
	}
	if limit := 60; listed > limit {
		t.Errorf("its resources were listed %d times in 300 looks, want %d at the most", listed, limit)
	}
}

// A look that has no time for all answers reports what it has, and the next ones go on.
func TestLookWithoutTime(t *testing.T) {
	w := newWorld(t)
	i := w.pulled("app", 1, 50)
	w.lease("a", 0, i.all()...)
	w.look(2)
	w.end("a")
	w.record("registry.example/app:v1", i.index, 2.5)
	asked := 0
	for n := range 40 {
		k := w.namespace.Look(Listing{Daemon: Daemon{UUID: "daemon"}, Now: at(3 + float64(n)), Leases: w.leases})
		for left := 5; left > 0; {
			wants := k.Wants()
			if len(wants) == 0 {
				break
			}
			for _, want := range wants[:min(left, len(wants))] {
				k.Take(want, w.answer(want))
				left--
				asked++
			}
		}
		readings, _ := k.Readings()
		k.Done()
		if len(readings) != 1 {
			t.Fatalf("look %d: %d readings", n, len(readings))
		}
		if readings[0].Gone {
			return
		}
	}
	t.Errorf("it was never reported as gone, with %d answers", asked)
}

// An image that is made on the node of what had been pulled may have its source label.
func TestImageThatIsMade(t *testing.T) {
	w := newWorld(t)
	i := w.pulled("app", -5, 2)
	layer := w.put([]byte("smaller layer"), 1, "app")
	own := w.put(w.json(map[string]any{"config": w.descriptor(i.config), "layers": []any{w.descriptor(layer)}}), 2, "app", i.config, layer)
	w.lease("a", 0, layer, own)
	if roots := rootsOf(w.look(3)); len(roots) != 0 {
		t.Errorf("it is reported as pulls of %v", roots)
	}
}

// A root that was there is visited after somebody has looked.
func TestRootThatIsVisitedLater(t *testing.T) {
	w := newWorld(t)
	i := w.pulled("app", -5, 2)
	w.lease("a", 0, i.all()...)
	for _, s := range []float64{0.01, 0.02, 0.1, 0.5} {
		if r := w.look(s); len(r) != 0 {
			t.Fatalf("at %g s: readings %+v", s, r)
		}
	}
	w.visit(i.index, 0.6)
	w.visit(i.manifest, 0.61)
	if r := w.look(1.5); len(r) != 1 {
		t.Errorf("readings %+v", r)
	}
}

// Part of an image came by a pull that nobody saw, while the name of this one was resolved.
func TestPartOfAPullThatNobodySaw(t *testing.T) {
	w := newWorld(t)
	i := w.pulled("app", 3, 2)
	for _, d := range []digest.Digest{i.manifest, i.config} {
		info := w.infos[d]
		info.CreatedAt = at(1)
		w.infos[d] = info
	}
	info := w.infos[i.layers[0]]
	info.CreatedAt = at(4)
	w.infos[i.layers[0]] = info
	w.lease("a", 0, i.index, i.manifest, i.config, i.layers[0])
	if r := w.look(5); len(r) != 1 {
		t.Errorf("readings %+v", r)
	}
}

// An image is kept, as docker save does, while another lease pulls it again.
func TestImageThatIsKeptWhileItIsPulled(t *testing.T) {
	w := newWorld(t)
	i := w.pulled("app", -500, 2)
	w.lease("save", 0, i.all()...)
	w.look(0.5)
	w.lease("pull", 1, i.index)
	w.look(1.5)
	w.visit(i.index, 2)
	w.visit(i.manifest, 2.01)
	w.leases[1].list(i.all()[1:]...)
	if r := w.look(2.1); len(r) != 1 || r[0].ID.Lease != "pull" {
		t.Errorf("readings %+v", r)
	}
	w.end("pull")
	w.record("registry.example/app:v1", i.index, 3)
	if r := w.look(3.1); len(r) != 1 || r[0].ID.Lease != "pull" || !r[0].Gone {
		t.Errorf("readings %+v", r)
	}
	w.end("save")
	if r := w.look(4); len(r) != 0 {
		t.Errorf("readings %+v", r)
	}
}
