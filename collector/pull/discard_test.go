package pull

import (
	"slices"
	"testing"
)

// containerd throws a blob away as soon as it is unpacked, and no event told of it:
// a good pull that has unpacked the layer has fetched it, whether its ingest was seen
// or not.
func TestBlobThatIsThrownAway(t *testing.T) {
	for name, seen := range map[string]bool{"its ingest was seen": true, "nothing of it was seen": false} {
		t.Run(name, func(t *testing.T) {
			s := newScene(0)
			a := s.lease("a", "app", 0, 1)
			s.event(SnapshotPrepared, 0.05, chainID("app", 0))
			if seen {
				a.open(0, 0.1, 300, 0.5)
			}
			s.poll(0.6)
			a.Blobs[a.Manifest.Layers[0].Digest] = Blob{Held: seen}
			s.event(SnapshotCommitted, 1.5, chainID("app", 0))
			a.unpacked(0, 1.5)
			s.stored("app", "1", 1.6)
			a.Gone = true
			s.poll(1.7)
			s.poll(2)
			p := s.ended[0]
			l := p.Layers[0]
			if p.Downloaded != 1010 || p.Cached != 0 || l.State != LayerDone || !l.Download.End.Equal(at(1.5)) || !l.Unpack.End.Equal(at(1.5)) {
				t.Errorf("downloaded %d, cached %d, layer %s, download %v, unpack %v", p.Downloaded, p.Cached, l.State, l.Download, l.Unpack)
			}
			if !slices.Contains(l.Estimated, DownloadEnd) || !slices.Contains(l.Estimated, UnpackStart) {
				t.Errorf("estimated %v, want the end of the download and the start of the unpack in it", l.Estimated)
			}
		})
	}
}

// Where the runtime tells of each commit, a layer of which it told none, and whose ingest
// nobody saw, was not fetched: its content was on the node, in a snapshotter's own cache.
// Where an event may be missing nobody can tell, and it is taken for fetched, as estimated.
func TestLayerThatCameWithoutABlob(t *testing.T) {
	lost := func(seconds float64) func(s *scene) {
		return func(s *scene) { s.tracker.Event(Event{Time: at(seconds), Kind: EventsLost}) }
	}
	for name, test := range map[string]struct {
		commits    bool // are told
		began      float64
		before     func(*scene) // the first look at it
		seen       bool         // its ingest
		downloaded int64
	}{
		"commits are told":                          {commits: true, began: -60, downloaded: 10},
		"its ingest was seen":                       {commits: true, began: -60, seen: true, downloaded: 1010},
		"commits are not told":                      {began: -60, downloaded: 1010},
		"the pull is older than the first look":     {commits: true, began: 0.5, downloaded: 1010},
		"the events were lost meanwhile":            {commits: true, began: -60, before: lost(0.5), downloaded: 1010},
		"they were lost just before":                {commits: true, began: -60, before: lost(-1), downloaded: 1010},
		"they were lost long before":                {commits: true, began: -60, before: lost(-10), downloaded: 10},
		"its commit was told, and the blob is gone": {commits: true, began: -60, before: func(s *scene) { s.event(BlobCommitted, 1.2, layerDigest("app", 0)) }, downloaded: 1010},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(3)
			look := func(seconds float64) {
				o := s.observation(seconds)
				o.CommitEvents = test.commits
				s.running = slices.DeleteFunc(s.running, func(a *actor) bool { return a.Gone })
				s.ended = append(s.ended, s.tracker.Observe(o).Ended...)
			}
			look(test.began)
			a := s.lease("a", "app", 0, 1)
			if test.before != nil {
				test.before(s)
			}
			s.event(SnapshotPrepared, 0.05, chainID("app", 0))
			if test.seen {
				a.open(0, 0.1, 300, 0.5)
			}
			look(0.6)
			a.Blobs[a.Manifest.Layers[0].Digest] = Blob{Held: test.seen}
			s.event(SnapshotCommitted, 1.5, chainID("app", 0))
			a.unpacked(0, 1.5)
			s.stored("app", "1", 1.6)
			a.Gone = true
			look(1.7)
			look(2)
			p := s.ended[0]
			if p.Outcome != Success || p.Downloaded != test.downloaded || p.Cached != 1010-test.downloaded {
				t.Errorf("%s, downloaded %d, cached %d; want success, %d, %d", p.Outcome, p.Downloaded, p.Cached, test.downloaded, 1010-test.downloaded)
			}
			if l := p.Layers[0]; l.Unpack.End != at(1.5) || l.Downloaded != test.downloaded-10 || slices.Contains(l.Estimated, DownloadEnd) != (l.Downloaded > 0 && name != "its commit was told, and the blob is gone") {
				t.Errorf("downloaded %d, unpack %v, estimated %v", l.Downloaded, l.Unpack, l.Estimated)
			}
		})
	}
}
