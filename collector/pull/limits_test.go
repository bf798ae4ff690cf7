package pull

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pulltrace/pulltrace/collector/limits"
)

// Layers in sums count in the bytes of their pull, which says that these are estimated.
func TestLayersInSums(t *testing.T) {
	for name, test := range map[string]struct {
		root               float64 // when it came
		downloaded, cached int64
	}{
		"the root was fetched": {0.01, 1010 + 700, 0},
		"the root was there":   {-5, 1010, 700},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(3)
			a := s.lease("a", "app", 0, 1)
			a.Root.Committed = at(test.root)
			a.Manifest.Rest = Rest{Layers: 9, Size: 900}
			a.committed(0, 1, true)
			a.Rest = 700
			u := s.poll(2)
			p := u.Active[0]
			if p.Size != 1910 || p.Downloaded != test.downloaded || p.Cached != test.cached || p.MoreLayers != 9 {
				t.Errorf("size %d, downloaded %d, cached %d, %d more layers; want 1910, %d, %d, 9", p.Size, p.Downloaded, p.Cached, p.MoreLayers, test.downloaded, test.cached)
			}
			if !slices.Contains(p.Estimated, DownloadBytes) {
				t.Error("the bytes are not said to be estimated")
			}
			if u.Omitted[OmittedLayers] != 9 {
				t.Errorf("%v is left out, want 9 layers", u.Omitted)
			}
			if u = s.poll(3); len(u.Omitted) != 0 {
				t.Errorf("%v is left out again", u.Omitted)
			}
			a.unpacked(0, 3.5)
			s.stored("app", "1", 4)
			a.Gone = true
			s.poll(4.1)
			s.poll(5)
			if p = s.ended[0]; p.Downloaded+p.Cached != 1910 || p.Downloaded-test.downloaded+test.cached > 900 {
				t.Errorf("downloaded %d, cached %d; want 1910 in all", p.Downloaded, p.Cached)
			}
		})
	}
}

// More pods than the limit wait: the rest is left out, and counted.
func TestManyWaiters(t *testing.T) {
	s := newScene(3)
	var all []Waiter
	for i := range limits.Waiters + 5 {
		all = append(all, waiter(fmt.Sprint("pod", i), "app", "1", 0))
	}
	s.lease("a", "app", 1, 1)
	s.wait(0, all...)
	u := s.poll(2)
	if got := len(u.Active[0].Pods); got != limits.Waiters || u.Omitted[OmittedWaiters] != 5 {
		t.Errorf("%d pods wait, and %v is left out; want %d and 5", got, u.Omitted, limits.Waiters)
	}
}

// Of more failed pulls than may wait for their reason the oldest are reported without.
func TestManyUnexplainedPulls(t *testing.T) {
	s := newScene(3)
	const more = 5
	for i := range limits.Unexplained + more {
		image := fmt.Sprint("app", i)
		a := s.lease(image, image, float64(i)/1000, 1)
		a.open(0, 0.5, 100, 0.6)
		s.tracker.waiters.now = append(s.tracker.waiters.now, waiter(image, image, "1", 0))
	}
	s.wait(0, s.tracker.waiters.now...)
	s.poll(1)
	for _, a := range s.running {
		a.Gone = true
	}
	s.poll(2)
	s.poll(3)
	s.poll(4)
	if len(s.ended) != more {
		t.Errorf("%d pulls are reported before it is known why they failed, want %d", len(s.ended), more)
	}
}
