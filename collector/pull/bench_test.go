package pull

import (
	"fmt"
	"testing"
	"time"
)

// moving is a pull whose layers are all open, of which three move from poll to poll.
type moving struct {
	*scene
	pull    *actor
	seconds float64
	shown   Observation
}

func newMoving(layers int) *moving {
	m := &moving{scene: newScene(3)}
	m.pull = m.lease("moving", "moving", 0, layers)
	for i := range layers {
		m.pull.Manifest.Layers[i].Size = 1 << 40 // they move on and on
		m.pull.open(i, 0.1, 0, 0.1)
	}
	m.show()
	return m
}

// show makes the observation of the next polls, so that they cost nothing but the tracker.
func (m *moving) show() {
	m.shown = m.observation(m.seconds)
	m.look()
	m.look()
}

// look is a poll a second later.
func (m *moving) look() Update {
	m.seconds++
	now := at(m.seconds)
	m.shown.Asked, m.shown.Time = now, now
	for _, l := range m.pull.Manifest.Layers[:min(3, len(m.pull.Manifest.Layers))] {
		ingest := m.pull.Blobs[l.Digest].Ingest
		ingest.Offset, ingest.Updated = ingest.Offset+1<<20, now
	}
	return m.tracker.Observe(m.shown)
}

// others has so many pulls of three layers go by, one after the other. The moving one is older,
// so that nothing is forgotten of them that it may have to do with.
func (m *moving) others(count int) {
	const layers = 3
	for i := range count {
		image := fmt.Sprint("other ", i)
		a := m.lease(image, image, m.seconds, layers)
		for l := range layers {
			a.committed(l, m.seconds+0.1, true)
			a.unpacked(l, m.seconds+0.2)
			m.event(BlobCommitted, m.seconds+0.1, layerDigest(image, l))
			m.event(SnapshotPrepared, m.seconds+0.1, chainID(image, l))
			m.event(SnapshotCommitted, m.seconds+0.2, chainID(image, l))
		}
		m.poll(m.seconds + 0.3)
		m.stored(image, "1", m.seconds+0.4)
		a.Gone = true
		m.poll(m.seconds + 0.5)
		m.poll(m.seconds + 0.9)
		m.seconds++
	}
	m.show()
}

const byNow = 500 // pulls that have ended

func BenchmarkObserve(b *testing.B) {
	for _, layers := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("layers=%d", layers), func(b *testing.B) { newMoving(layers).benchmark(b) })
	}
	b.Run(fmt.Sprintf("layers=100,ended=%d", byNow), func(b *testing.B) {
		m := newMoving(100)
		m.others(byNow)
		m.benchmark(b)
	})
}

func (m *moving) benchmark(b *testing.B) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		m.look()
	}
}

// A poll allocates for what is told of it, which are the pulls and their layers, and no more
// for what has gone by. The bounds are a quarter above what it came to.
func TestAllocationsOfAPoll(t *testing.T) {
	allocations := func(m *moving) int { return int(testing.AllocsPerRun(100, func() { m.look() })) }
	for layers, most := range map[int]int{1: 55, 10: 95, 100: 330} {
		if got := allocations(newMoving(layers)); got > most {
			t.Errorf("a poll of %d layers allocates %d times, want %d at the most", layers, got, most)
		} else {
			t.Logf("%d layers: %d allocations", layers, got)
		}
	}
	m := newMoving(10)
	before := allocations(m)
	m.others(byNow)
	if len(m.ended) != byNow {
		t.Fatalf("%d pulls have ended, want %d", len(m.ended), byNow)
	}
	if after := allocations(m); after > before+before/5 {
		t.Errorf("a poll allocates %d times, and %d after %d pulls have ended", before, after, byNow)
	}
	if u := m.look(); len(u.Active) != 1 || u.Active[0].Downloaded < 3<<20 || u.Time != at(m.seconds).Round(time.Nanosecond) {
		t.Errorf("the pull that was polled is told as %+v", u.Active)
	}
}
