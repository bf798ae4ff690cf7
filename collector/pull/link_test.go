package pull

import (
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
)

// A link brings the layers of one pull at a constant rate, as containerd shows it:
// what has come of a layer moves by 1 MiB at a time.
type link struct {
	rate     float64 // By/s
	each     bool    // of each layer, not of all together
	parallel int     // layers on their way at once
	sizes    []int64

	layers []linkLayer
	now    float64 // up to here it has been played
	dead   float64 // when it stops for good; 0 for never
}

type linkLayer struct {
	began, ended float64 // negative while it has not
	came         float64 // By, of which nobody sees more than
	seen         int64
	updated      float64
}

func (l *link) begin() {
	l.layers = slices.Repeat([]linkLayer{{began: -1, ended: -1}}, len(l.sizes))
	l.start()
}

// start gives the free slots to the layers that wait.
func (l *link) start() {
	free := l.parallel - len(l.underWay())
	for i := range l.layers {
		if free > 0 && l.layers[i].began < 0 {
			l.layers[i].began, l.layers[i].updated = l.now, l.now
			free--
		}
	}
}

func (l *link) underWay() (indices []int) {
	for i := range l.layers {
		if l.layers[i].began >= 0 && l.layers[i].ended < 0 {
			indices = append(indices, i)
		}
	}
	return indices
}

// play lets time pass up to a moment.
func (l *link) play(until float64) {
	if l.dead > 0 {
		until = min(until, l.dead)
	}
	for l.now < until {
		active := l.underWay()
		if len(active) == 0 {
			l.now = until
			return
		}
		share := l.share(len(active))
		next, which := until-l.now, -1
		for _, i := range active {
			if took := (float64(l.next(i)) - l.layers[i].came) / share; took <= next {
				next, which = max(took, 0), i
			}
		}
		l.now += next
		for _, i := range active {
			l.layers[i].came += share * next
		}
		if which >= 0 {
			l.step(which)
		}
	}
}

func (l *link) share(active int) float64 {
	if l.each {
		return l.rate
	}
	return l.rate / float64(active)
}

// next is what of a layer is seen next.
func (l *link) next(i int) int64 { return min(l.layers[i].seen+1<<20, l.sizes[i]) }

func (l *link) step(i int) {
	layer := &l.layers[i]
	layer.seen, layer.updated = l.next(i), l.now
	layer.came = float64(layer.seen)
	if layer.seen == l.sizes[i] {
		layer.ended = l.now
		l.start()
	}
}

// left is how many bytes have still to come, whoever sees them.
func (l *link) left() (left float64) {
	for i := range l.layers {
		left += float64(l.sizes[i]) - l.layers[i].came
	}
	return left
}

// stepped tells whether any layer has shown a step.
func (l *link) stepped() bool {
	return slices.ContainsFunc(l.layers, func(layer linkLayer) bool { return layer.seen >= 1<<20 })
}

// pull is a pull whose layers the link brings. Its config was there.
func (l *link) pull(s *scene, id string) *actor {
	a := s.lease(id, id, 0, len(l.sizes))
	a.Root.Committed = at(-1)
	a.Manifest.Config.Size = 0
	a.Blobs[a.Manifest.Config.Digest] = Blob{Held: true, Committed: at(-1)}
	for i, size := range l.sizes {
		a.Manifest.Layers[i] = Descriptor{Digest: digest.FromString(fmt.Sprint(id, i)), Size: size}
	}
	l.begin()
	return a
}

// show has a pull show what the link has brought. Layers that wait have an open ingest
// where slots are shared, and none where they are not.
func (l *link) show(a *actor, shared bool) {
	for i, layer := range l.layers {
		opened := a.Created.Sub(epoch).Seconds() + float64(i)/1000
		switch {
		case layer.ended >= 0:
			a.committed(i, layer.ended, true)
		case shared:
			a.open(i, opened, layer.seen, max(layer.updated, opened))
		case layer.began >= 0:
			a.open(i, layer.began, layer.seen, layer.updated)
		}
	}
}
