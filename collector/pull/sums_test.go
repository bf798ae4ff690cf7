package pull

import (
	"math"
	"testing"
)

// What a manifest says of sizes is the registry's to write. Sums of it do not overflow: a
// total that no number can hold is not known.
func TestSumsOfSizes(t *testing.T) {
	const huge = int64(1) << 50
	for name, test := range map[string]struct {
		layers int
		size   int64
		known  bool
	}{
		"one layer less than overflows":    {8191, huge, true},
		"one layer more than overflows":    {8193, huge, false},
		"two of the largest":               {2, math.MaxInt64, false},
		"a size below zero":                {2, -1, false},
		"the whole of it is zero or below": {2, math.MinInt64, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(3)
			a := s.lease("a", "app", 0, test.layers)
			for i := range a.Manifest.Layers {
				a.Manifest.Layers[i].Size = test.size
			}
			a.open(0, 0.1, 300, 0.5)
			a.open(1, 0.1, 0, 0.1)
			p := s.poll(1).Active[0]
			size := int64(0)
			if test.known {
				size = int64(test.layers)*test.size + 10
			}
			if p.TotalKnown != test.known || p.Size != size || p.Phase != Downloading || p.Remaining >= 0 {
				t.Errorf("size %d, known %t, %s, remaining %s; want %d, %t, downloading, no time that can be told", p.Size, p.TotalKnown, p.Phase, p.Remaining, size, test.known)
			}
			if ratio, known := p.Progress(); known != test.known || ratio > 0.01 {
				t.Errorf("progress %g, known %t; want next to nothing, %t", ratio, known, test.known)
			}
			for i := range a.Manifest.Layers {
				a.committed(i, 2, true)
				a.unpacked(i, 2.5)
			}
			s.poll(2.6)
			s.stored("app", "1", 3)
			a.Gone = true
			s.poll(3.1)
			s.poll(4)
			if len(s.ended) != 1 || s.ended[0].Outcome != Success {
				t.Fatalf("ended %d, want one success", len(s.ended))
			}
			p = s.ended[0]
			if p.Downloaded < 10 || p.Cached < 0 || p.Lazy < 0 || p.TotalKnown != test.known {
				t.Errorf("downloaded %d, cached %d, lazy %d, known %t; want nothing below zero, %t", p.Downloaded, p.Cached, p.Lazy, p.TotalKnown, test.known)
			}
		})
	}
}
