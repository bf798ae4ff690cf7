package pull

import (
	"slices"
	"testing"
)

// A registry that ignores the range of a request sends a layer from its start again, and
// what is thrown away of it nobody sees. So a layer that stood still and went on may have
// been fetched again.
func TestFetchedAgain(t *testing.T) {
	const mib = 1 << 20
	type seen struct {
		offset  int64
		updated float64
	}
	steady := func(from, to int64, rate, since float64) (steps []seen) {
		for offset := from; offset <= to; offset++ {
			steps = append(steps, seen{offset * mib, since + float64(offset-from)*mib/rate})
		}
		return steps
	}
	for name, test := range map[string]struct {
		resumed int64 // MiB that an earlier pull had fetched
		steps   []seen
		commit  float64 // 0 for none
		again   bool
	}{
		"cut at 21 MiB, fetched again at the same rate": {0, slices.Concat(steady(1, 21, 3*mib, 0.4), steady(22, 23, 3*mib, 15)), 0, true},
		"what then is seen is its end":                  {0, steady(1, 21, 3*mib, 0.4), 15, true},
		"a short cut":                                   {0, slices.Concat(steady(1, 21, 3*mib, 0.4), steady(22, 23, 3*mib, 8.5)), 0, false},
		"far too short to fetch all again":              {0, slices.Concat(steady(1, 200, 3*mib, 0.4), steady(201, 203, 3*mib, 70)), 0, false},
		"a slow link":                                   {0, steady(1, 23, 15e3, 70), 0, false},
		"a slow link with one step of twice the time":   {0, slices.Concat(steady(1, 5, 15e3, 70), steady(6, 8, 15e3, 70+6*70)), 0, false},
		"the first byte took long":                      {0, steady(1, 23, 3*mib, 40), 0, false},
		"few polls":                                     {0, []seen{{1 * mib, 0.4}, {2 * mib, 0.7}, {22 * mib, 7.4}, {23 * mib, 7.7}}, 0, false},
		"a commit that took long":                       {0, steady(1, 24, 3*mib, 0.4), 30, false},
		"resumed, and fetched from its start":           {20, steady(21, 24, 3*mib, 7.3), 0, true},
		"resumed where it was":                          {20, steady(21, 24, 3*mib, 0.6), 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(3)
			a := s.lease("a", "app", 0, 1)
			a.Manifest.Layers[0].Size = 24 * mib
			if last := test.steps[len(test.steps)-1].offset; last > 24*mib {
				a.Manifest.Layers[0].Size = last + mib
			}
			opened := 0.1
			if test.resumed > 0 {
				opened = -10
			}
			a.open(0, opened, test.resumed*mib, opened)
			s.poll(0.2)
			now := 0.2
			for _, step := range test.steps {
				a.open(0, opened, step.offset, step.updated)
				now = step.updated + 0.01
				s.poll(now)
			}
			if test.commit > 0 {
				a.committed(0, test.commit, true)
				now = test.commit + 0.01
			}
			p := s.poll(now).Active[0]
			layer, whole := slices.Contains(p.Layers[0].Estimated, DownloadBytes), slices.Contains(p.Estimated, DownloadBytes)
			if layer != test.again || whole != test.again {
				t.Errorf("bytes estimated: of the layer %t, of the pull %t; want %t", layer, whole, test.again)
			}
		})
	}
}
