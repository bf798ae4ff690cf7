package judge

import (
	"slices"
	"testing"

	"github.com/containerd/containerd/v2/core/leases"
)

// Pulls are asked first, then leases that nobody has asked yet, then those that were asked
// longest ago.
func TestSortByNeed(t *testing.T) {
	w := newWorld(t)
	i := w.pulled("app", 1, 1)
	w.lease("pull", 0, i.all()...)
	w.lease("asked later", 0)
	w.lease("asked first", 0)
	w.look(2)
	list := make([]leases.Lease, 0, 4)
	for n := range w.leases {
		list = append(list, w.leases[n].Lease)
	}
	w.namespace.Hold(Listed{Lease: list[1], Asked: at(3)}, Daemon{})
	list = append(list, w.lease("new", 4).Lease)
	slices.Reverse(list)
	w.namespace.SortByNeed(list)
	var got []string
	for _, l := range list {
		got = append(got, l.ID)
	}
	if want := []string{"pull", "new", "asked first", "asked later"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
