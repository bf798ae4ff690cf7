package pull

import "testing"

// A snapshot that comes during the pull without a blob, and without an event of
// its unpacking, is one that a remote snapshotter brought.
func TestLazy(t *testing.T) {
	for name, test := range map[string]struct {
		play  func(*scene, *actor)
		state LayerState
		lazy  int64
	}{
		"the lease lists the snapshot": {
			func(_ *scene, a *actor) { a.unpacked(0, 0.5) },
			LayerLazy, layerSize,
		},
		"the lease was not seen at its end": {
			func(_ *scene, a *actor) { a.Chains[a.Manifest.ChainIDs[0]] = Snapshot{Created: at(0.5)} },
			LayerLazy, layerSize,
		},
		"it was there before": {
			func(_ *scene, a *actor) { a.unpacked(0, -5) },
			LayerCached, 0,
		},
		"it was unpacked, and the blob is gone": {
			func(s *scene, a *actor) {
				a.Chains[a.Manifest.ChainIDs[0]] = Snapshot{Created: at(0.5)}
				s.event(SnapshotCommitted, 0.5, a.Manifest.ChainIDs[0])
			},
			LayerDone, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(3)
			a := s.lease("a", "app", 0, 1)
			test.play(s, a)
			s.stored("app", "1", 0.9)
			a.Gone = true
			s.poll(1)
			s.poll(1.5)
			p := s.ended[0]
			if l := p.Layers[0]; l.State != test.state || p.Lazy != test.lazy || p.Downloaded+p.Cached+p.Lazy != p.Size {
				t.Errorf("%s, lazy %d, downloaded %d, cached %d of %d; want %s, lazy %d", l.State, p.Lazy, p.Downloaded, p.Cached, p.Size, test.state, test.lazy)
			}
			if ratio, _ := p.Progress(); ratio != 1 || p.Layers[0].Unpack.Happened() != (test.state == LayerDone) {
				t.Errorf("progress %g, unpack %v", ratio, p.Layers[0].Unpack)
			}
		})
	}
}
