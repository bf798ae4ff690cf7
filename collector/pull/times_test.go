package pull

import (
	"testing"
	"time"
)

func TestDownloadTimeCountsOverlapOnce(t *testing.T) {
	p := Pull{Layers: []Layer{
		{Download: Span{at(0), at(4)}},
		{Download: Span{at(1), at(3)}},
		{Download: Span{at(3), at(6)}},
		{Download: Span{at(10), at(11)}},
		{}, // not fetched
	}}
	if got := p.DownloadTime(); got != 7*time.Second {
		t.Errorf("download time %s, want 7 s", got)
	}
}

// A pull that fetches is queued only while it has no slot at all.
func TestQueued(t *testing.T) {
	for name, test := range map[string]struct {
		slots int
		want  time.Duration // of a pull whose two layers wait for slots until 4 s and 6 s
	}{
		"slots that others hold":          {3, 3500 * time.Millisecond},
		"a slot of its own is free":       {4, 0},
		"slots of its own, as before 2.1": {0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(test.slots)
			a, b := s.lease("a", "big", 0, 3), s.lease("b", "app", 0.4, 2)
			b.Blobs[b.Manifest.Config.Digest] = Blob{Held: true, Committed: at(-1)}
			for i := range 3 {
				a.open(i, 0.1, 1, 0.2)
			}
			b.open(0, 0.5, 0, 0.5)
			b.open(1, 0.5, 0, 0.5)
			s.poll(1)
			a.committed(0, 4, true)
			s.poll(4.1)
			b.committed(0, 6, true)
			s.poll(6.1)
			b.committed(1, 8, true)
			s.stored("app", "1", 9)
			b.Gone = true
			s.poll(9.1)
			s.poll(9.5)
			if got := s.ended[0].Queued; got != test.want {
				t.Errorf("queued %s, want %s", got, test.want)
			}
		})
	}
}

// A manifest waits for a slot like any blob: 3.3 s behind others were seen.
func TestQueuedForTheManifest(t *testing.T) {
	s := newScene(1)
	a, b := s.lease("a", "big", 0, 1), s.lease("b", "app", 0.5, 1)
	a.open(0, 0.1, 1, 0.2)
	b.Root = Blob{Held: true, Ingest: &Ingest{Started: at(0.6), Updated: at(0.6)}}
	b.Manifest, b.Blobs = nil, nil
	s.poll(1)
	a.committed(0, 4, true)
	s.poll(4.1)
	b.Root = Blob{Held: true, Committed: at(4.2)}
	s.event(SnapshotRemoved, 5, "")
	b.Gone = true
	s.poll(5)
	s.poll(5.5)
	if got, want := s.ended[0].Queued, 3400*time.Millisecond; got != want {
		t.Errorf("queued %s, want %s", got, want)
	}
}
