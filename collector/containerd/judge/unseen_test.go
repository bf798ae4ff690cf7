package judge

import (
	"testing"

	"github.com/opencontainers/go-digest"
)

// The record of an image that was there is written just before the lease goes.
func TestUnclaimedRoot(t *testing.T) {
	type record struct {
		name string
		root digest.Digest
		at   float64
	}
	for name, test := range map[string]struct {
		records func(one, two image) []record
		visited bool // of the image of one
		claimed bool // another lease has the image of two
		want    bool
	}{
		"none": {visited: true, records: func(_, _ image) []record { return nil }},
		"after the lease was asked": {visited: true, want: true, records: func(one, _ image) []record {
			return []record{{"registry.example/one:v1", one.index, 1.2}}
		}},
		"twice": {visited: true, want: true, records: func(one, _ image) []record {
			return []record{{"registry.example/one:v1", one.index, 1.2}, {"registry.example/one:v1", one.index, 1.21}}
		}},
		"of a root that nobody visited: a tag": {records: func(one, _ image) []record {
			return []record{{"registry.example/one:v1", one.index, 1.2}}
		}},
		"of another name: a tag beside a pull": {visited: true, records: func(one, _ image) []record {
			return []record{{"registry.example/own:v1", one.index, 1.2}}
		}},
		"before the lease was asked": {visited: true, records: func(one, _ image) []record {
			return []record{{"registry.example/one:v1", one.index, 0.9}}
		}},
		"after the lease went": {visited: true, records: func(one, _ image) []record {
			return []record{{"registry.example/one:v1", one.index, 1.31}}
		}},
		"of one image and of another": {visited: true, records: func(one, two image) []record {
			return []record{{"registry.example/one:v1", one.index, 1.2}, {"registry.example/two:v1", two.index, 1.21}}
		}},
		"of an image and of another pull's": {visited: true, claimed: true, want: true, records: func(one, two image) []record {
			return []record{{"registry.example/one:v1", one.index, 1.2}, {"registry.example/two:v1", two.index, 1.21}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			one, two := w.pulled("one", -500, 1), w.pulled("two", -500, 1)
			if test.visited {
				w.visit(one.index, 1.1)
			}
			w.lease("gone", 0)
			if test.claimed {
				w.visit(two.index, 0.5)
				w.lease("other", 0.1, two.all()...)
			}
			w.look(1)
			w.end("gone")
			for _, r := range test.records(one, two) {
				w.record(r.name, r.root, r.at)
			}
			found := false
			for _, r := range w.look(1.3) {
				found = found || (r.ID.Lease == "gone" && r.Image.Root == one.index)
			}
			if found != test.want {
				t.Errorf("the lease is of the image: %t, want %t", found, test.want)
			}
		})
	}
}

// Of pulls whose lease nobody saw there is the image record.
func TestUnseen(t *testing.T) {
	for name, test := range map[string]struct {
		record  string
		created float64 // of the image
		visited float64 // its root, if not 0
		manual  bool    // it comes from no registry
		want    bool
	}{
		"an image that came":             {record: "registry.example/app:v1", created: 1, want: true},
		"by digest":                      {record: "registry.example/app@sha256:" + encoded, created: 1, want: true},
		"a tag of one that came":         {record: "registry.example/own:v1", created: 1},
		"a conversion of one that came":  {record: "docker.io/library/conv:v1", created: 1},
		"of no registry":                 {record: "registry.example/app:v1", created: 1, manual: true},
		"of one that was there":          {record: "registry.example/app:v1", created: -500},
		"a pull of one that was there":   {record: "registry.example/app:v1", created: -500, visited: 1},
		"before this process watched it": {record: "registry.example/app:v1", created: -2000},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			i := w.pulled("app", test.created, 1)
			if test.visited != 0 {
				w.visit(i.index, test.visited)
			}
			if test.manual {
				info := w.infos[i.index]
				delete(info.Labels, sourceLabel)
			}
			w.record(test.record, i.index, 2)
			readings := w.look(2.1)
			if got := len(readings) == 1; got != test.want {
				t.Fatalf("%d readings, want one: %t", len(readings), test.want)
			}
			if test.want && (!readings[0].StartUnknown || !readings[0].Gone) {
				t.Errorf("reading %+v", readings[0])
			}
			if again := w.look(3); len(again) != 0 {
				t.Errorf("it is reported again: %+v", again)
			}
		})
	}
}

// An image is pulled again right after its pull, and the second lease lists nothing.
func TestUnclaimedRootOfAPullJustBefore(t *testing.T) {
	w := newWorld(t)
	i := w.pulled("app", 1, 1)
	w.lease("first", 0, i.all()...)
	w.look(1.1)
	w.record("registry.example/app:v1", i.index, 2)
	w.end("first")
	w.look(2.1)
	w.lease("second", 3)
	w.look(4)
	w.visit(i.index, 5)
	w.record("registry.example/app:v1", i.index, 5)
	w.end("second")
	if r := w.look(5.1); len(r) != 1 || r[0].ID.Lease != "second" || !r[0].Gone {
		t.Errorf("readings %+v", r)
	}
}

// The same of a pull whose lease nobody saw, once what it fetched of the first was removed.
func TestUnseenRightAfterAPull(t *testing.T) {
	w := newWorld(t)
	i := w.pulled("app", 1, 1)
	w.lease("first", 0, i.all()...)
	w.look(1.1)
	w.record("registry.example/app:v1", i.index, 2)
	w.end("first")
	w.look(2.1)
	again := w.pulled("app", 4, 1)
	w.record("registry.example/app:v1", again.index, 5)
	if r := w.look(5.1); len(r) != 1 || !r[0].StartUnknown {
		t.Errorf("readings %+v", r)
	}
}
