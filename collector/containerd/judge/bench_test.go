package judge

import (
	"fmt"
	"testing"
)

// openPull is a world with one pull that has so many layers open, of which all is known.
func openPull(t testing.TB, layers int) *world {
	t.Helper()
	w := newWorld(t)
	img := w.pulled("team/app", 0.1, layers)
	l := w.lease("pull", 0, img.index, img.manifest, img.config)
	for _, d := range img.layers {
		delete(w.infos, d)
		w.open(l, "layer", d, 0.2, 0, 1<<20)
	}
	if got := w.look(1); len(got) != 1 || len(got[0].Blobs) < layers {
		t.Fatalf("the pull is read as %+v", got)
	}
	return w
}

func BenchmarkLook(b *testing.B) {
	for _, layers := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("layers=%d", layers), func(b *testing.B) {
			w := openPull(b, layers)
			b.ReportAllocs()
			for seconds := 2.0; b.Loop(); seconds++ {
				w.look(seconds)
			}
		})
	}
}

// A look at what is known asks for nothing, and allocates for what it reads. The bounds are a
// quarter above what it came to.
func TestAllocationsOfALook(t *testing.T) {
	for layers, most := range map[int]int{1: 40, 10: 80, 100: 240} {
		w := openPull(t, layers)
		w.look(2)
		seconds, asked := 3.0, w.asked
		got := int(testing.AllocsPerRun(50, func() { w.look(seconds); seconds++ }))
		if got > most {
			t.Errorf("a look at %d layers allocates %d times, want %d at the most", layers, got, most)
		} else {
			t.Logf("%d layers: %d allocations", layers, got)
		}
		if w.asked != asked {
			t.Errorf("looks at %d layers, of which all is known, asked for %d things", layers, w.asked-asked)
		}
	}
}
