package pull

import (
	"maps"
	"slices"
	"testing"
)

func TestPullIsToldWhole(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "nginx", 0, 2)
	a.open(0, 0.1, 0, 0.1)
	a.open(1, 0.1, 500, 0.9)
	u := s.poll(1)
	if len(u.Started) != 1 || len(u.Active) != 1 || len(u.Ended) != 0 {
		t.Fatalf("started %d, active %d, ended %d; want 1, 1, 0", len(u.Started), len(u.Active), len(u.Ended))
	}
	p := u.Active[0]
	if p.Phase != Downloading || p.Size != 2010 || p.Downloaded != 510 || !p.TotalKnown {
		t.Errorf("phase %s, size %d, downloaded %d, known %t; want downloading, 2010, 510, true", p.Phase, p.Size, p.Downloaded, p.TotalKnown)
	}

	a.committed(0, 2, true)
	a.committed(1, 3, true)
	s.event(SnapshotPrepared, 0.05, chainID("nginx", 0))
	a.unpacked(0, 2.5)
	s.event(SnapshotPrepared, 2.51, chainID("nginx", 1))
	if u = s.poll(3.2); u.Active[0].Phase != Unpacking {
		t.Errorf("phase %s, want unpacking", u.Active[0].Phase)
	}
	a.unpacked(1, 3.5)
	s.stored("nginx", "1", 3.6)
	a.Gone = true
	s.poll(4)
	s.poll(5)

	if len(s.ended) != 1 {
		t.Fatalf("told as ended %d times, want once", len(s.ended))
	}
	p = s.ended[0]
	if p.Outcome != Success || !p.Start.Equal(at(0)) || !p.End.Equal(at(3.6)) {
		t.Errorf("%s from %s to %s; want success from 0 to 3.6 s", p.Outcome, p.Start, p.End)
	}
	if p.Image.Name != "registry:5000/nginx" || p.Image.Tag != "1" {
		t.Errorf("image %q, tag %q; want what the record says", p.Image.Name, p.Image.Tag)
	}
	if p.Downloaded != 2010 || p.Cached != 0 {
		t.Errorf("downloaded %d, cached %d; want 2010, 0", p.Downloaded, p.Cached)
	}
	want := []Layer{
		{State: LayerDone, Download: Span{at(0.1), at(2)}, Unpack: Span{at(2), at(2.5)}},
		{State: LayerDone, Download: Span{at(0.1), at(3)}, Unpack: Span{at(3), at(3.5)}},
	}
	for i, l := range p.Layers {
		if l.State != want[i].State || l.Download != want[i].Download || l.Unpack != want[i].Unpack || len(l.Estimated) != 0 {
			t.Errorf("layer %d: %+v, want %+v, nothing estimated", i, l, want[i])
		}
	}
	if len(p.Estimated) != 0 {
		t.Errorf("estimated %v, want nothing", p.Estimated)
	}
}

// A pull that is over before it was polled is told from what it left, and from
// its events.
func TestPullShorterThanThePoll(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "small", 0, 1)
	s.event(SnapshotPrepared, 0.03, chainID("small", 0))
	a.committed(0, 0.05, false) // what the lease held at its end, nobody saw
	a.Chains[chainID("small", 0)] = Snapshot{Created: at(0.06)}
	s.stored("small", "1", 0.07)
	a.Gone = true
	s.poll(0.08)
	s.poll(0.4)

	p := s.ended[0]
	if p.Outcome != Success || p.Downloaded != 1010 || !p.End.Equal(at(0.07)) {
		t.Errorf("%s, %d bytes, end %s; want success, 1010, 0.07 s", p.Outcome, p.Downloaded, p.End)
	}
	l := p.Layers[0]
	if want := (Span{at(0.02), at(0.05)}); l.Download != want {
		t.Errorf("download %v, want %v: from the config to the commit", l.Download, want)
	}
	if want := (Span{at(0.05), at(0.06)}); l.Unpack != want {
		t.Errorf("unpack %v, want %v", l.Unpack, want)
	}
	if want := []Estimate{DownloadBytes, DownloadStart}; !slices.Equal(l.Estimated, want) {
		t.Errorf("estimated %v, want %v", l.Estimated, want)
	}
}

// A download that begins and ends between two polls began after the first one.
func TestDownloadBetweenTwoPolls(t *testing.T) {
	s := newScene(0)
	a := s.lease("a", "slow", 0, 2)
	a.open(0, 0.1, 0, 0.1)
	a.Blobs[layerDigest("slow", 1)] = Blob{} // waits for a slot, has no ingest
	s.poll(5)
	a.committed(0, 9, true)
	a.committed(1, 7, true)
	s.stored("slow", "1", 9.5)
	a.Gone = true
	s.poll(10)
	s.poll(11)

	l := s.ended[0].Layers[1]
	if want := (Span{at(5), at(7)}); l.Download != want || !slices.Contains(l.Estimated, DownloadStart) {
		t.Errorf("download %+v, estimated %v; want %+v with an estimated start", l.Download, l.Estimated, want)
	}
}

func TestOutcome(t *testing.T) {
	tests := map[string]struct {
		play      func(*scene, *actor)
		outcome   Outcome
		end       float64
		estimated []Estimate
	}{
		"the image was recorded": {
			func(s *scene, _ *actor) { s.stored("app", "1", 2) },
			Success, 2, nil,
		},
		"the CRI recorded it by digest afterwards": {
			func(s *scene, _ *actor) { s.stored("app", "1", 2); s.stored("app", "", 2.9) },
			Success, 2.9, nil,
		},
		"the record's event was lost": {
			func(_ *scene, a *actor) {
				a.Records = []Event{{Time: at(2), Image: Image{Name: "registry/app", Tag: "1"}}}
			},
			Success, 2, nil,
		},
		"it was lost, and the CRI's second one comes after the end": {
			func(s *scene, a *actor) {
				a.Records = []Event{{Time: at(2), Image: Image{Name: "registry:5000/app", Registry: "registry", Tag: "1"}}}
				s.stored("app", "", 3.1)
			},
			Success, 3.1, nil,
		},
		"the only record that is stored has ended another pull": {
			func(s *scene, a *actor) {
				s.lease("b", "app", 0.2, 1).Gone = true
				s.stored("app", "1", 2)
				a.Records = []Event{{
					Time: at(2.01), Namespace: "k8s.io",
					Image: Image{Name: "registry:5000/app", Registry: "registry", Tag: "1", Root: a.Image.Root},
				}}
				s.poll(2.5)
			},
			Unknown, 3,
			[]Estimate{PullEnd},
		},
		"an older record is there": {
			func(_ *scene, a *actor) {
				a.Records = []Event{{Time: at(-5), Image: Image{Name: "registry/app", Tag: "1"}}}
			},
			Failure, 3,
			[]Estimate{PullEnd},
		},
		"the image was recorded before the pull": {
			func(s *scene, _ *actor) { s.stored("app", "1", -1) },
			Failure, 3,
			[]Estimate{PullEnd},
		},
		"the snapshot was given up": {
			func(s *scene, _ *actor) { s.event(SnapshotRemoved, 2.5, chainID("app", 0)) },
			Failure, 2.5, nil,
		},
		"nothing tells": {
			func(*scene, *actor) {},
			Failure, 3,
			[]Estimate{PullEnd},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newScene(3)
			a := s.lease("a", "app", 0, 1)
			a.open(0, 0.1, 300, 1)
			s.poll(1)
			test.play(s, a)
			a.Gone = true
			s.poll(3)
			s.poll(3.5)
			p := s.ended[len(s.ended)-1]
			if p.ID.Lease != "a" {
				t.Fatalf("the last of %d pulls that ended is %s, want a", len(s.ended), p.ID.Lease)
			}
			if p.Outcome != test.outcome || !p.End.Equal(at(test.end)) || !slices.Equal(p.Estimated, test.estimated) {
				t.Errorf("%s at %s, estimated %v; want %s at %s, %v", p.Outcome, p.End, p.Estimated, test.outcome, at(test.end), test.estimated)
			}
			if ratio, _ := p.Progress(); p.Outcome == Failure && (p.Downloaded != 310 || ratio >= 1 || p.Wasted() != 310) {
				t.Errorf("failed with %d bytes, progress %g, wasted %d; want 310, below 1, 310", p.Downloaded, ratio, p.Wasted())
			}
		})
	}
}

// With two leases on one root and one record, nobody can say whose it was.
func TestTwoPullsOfOneImageAndOneRecord(t *testing.T) {
	s := newScene(3)
	a, b := s.lease("a", "app", 0, 1), s.lease("b", "app", 0.5, 1)
	a.open(0, 0.1, 300, 1)
	s.poll(1)
	s.stored("app", "1", 2)
	a.Gone, b.Gone = true, true
	s.poll(3)
	s.poll(3.5)
	if got := []Outcome{s.ended[0].Outcome, s.ended[1].Outcome}; !slices.Equal(got, []Outcome{Success, Unknown}) {
		t.Errorf("outcomes %v, want one success and one unknown", got)
	}
}

// Bytes exist once: of two pulls that share a layer one has fetched it.
func TestSharedLayer(t *testing.T) {
	s := newScene(3)
	a, b := s.lease("a", "base", 0, 1), s.lease("b", "base", 0.2, 1)
	b.Blobs = maps.Clone(a.Blobs) // the config was there when b began
	a.open(0, 0.3, 500, 0.9)
	b.watch(0.3, 500, 0.9)
	u := s.poll(1)
	if u.Active[0].Downloaded != 510 || u.Active[1].Downloaded != 0 {
		t.Errorf("downloaded %d and %d, want 510 and 0", u.Active[0].Downloaded, u.Active[1].Downloaded)
	}
	a.committed(0, 2, true)
	b.committed(0, 2, true)
	a.unpacked(0, 2.1)
	b.unpacked(0, 2.1)
	p := s.poll(2.2).Active
	if p[0].Downloaded != 1010 || p[1].Downloaded != 0 || p[1].Cached != 1010 {
		t.Errorf("downloaded %d and %d, cached %d; want 1010, 0, 1010", p[0].Downloaded, p[1].Downloaded, p[1].Cached)
	}
	if p[0].Layers[0].State != LayerDone || p[1].Layers[0].State != LayerCached || p[1].Layers[0].Unpack.Happened() {
		t.Errorf("layers %+v and %+v; want done and cached", p[0].Layers[0], p[1].Layers[0])
	}
}

// What a failed pull had fetched is collected as garbage, and fetched again.
func TestRetryFetchesAnew(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "app", 0, 1)
	a.committed(0, 1, true)
	s.poll(1.1)
	a.Gone = true
	s.poll(1.5)
	s.poll(2)

	b := s.lease("b", "app", 10, 1)
	b.open(0, 10.1, 400, 10.5)
	if got := s.poll(10.6).Active[0].Downloaded; got != 410 {
		t.Errorf("the retry has downloaded %d, want 410", got)
	}
	b.committed(0, 11, true)
	if got := s.poll(11.1).Active[0].Downloaded; got != 1010 {
		t.Errorf("the retry has downloaded %d, want 1010", got)
	}
}

// A pull that resumes an ingest fetches only what is missing.
func TestResume(t *testing.T) {
	s := newScene(3)
	b := s.lease("b", "app", 10, 1)
	b.open(0, 2, 600, 2.5) // older than the lease
	s.poll(10.1)
	b.open(0, 2, 700, 10.5)
	if got := s.poll(10.6).Active[0].Downloaded; got != 110 {
		t.Errorf("downloaded %d, want 110", got)
	}
	b.committed(0, 11, true)
	p := s.poll(11.1).Active[0]
	if p.Downloaded != 410 || p.Cached != 600 {
		t.Errorf("downloaded %d, cached %d; want 410, 600", p.Downloaded, p.Cached)
	}
	if !slices.Contains(p.Layers[0].Estimated, DownloadStart) {
		t.Errorf("estimated %v, want the start of the download", p.Layers[0].Estimated)
	}
}

// A pull that had written to the ingest it resumes before it was seen: what was
// there is what was seen before, and the bytes are told as estimated.
func TestResumeSeenLate(t *testing.T) {
	for name, test := range map[string]struct {
		seen                       bool
		before, downloaded, cached int64
	}{
		"with bytes":          {true, 600, 410, 600},
		"with none":           {true, 0, 1010, 0},
		"not before the pull": {false, 0, 210, 800},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(3)
			b := s.lease("b", "app", 10, 1)
			b.open(0, 2, 800, 10.5)
			ingest := b.Blobs[b.Manifest.Layers[0].Digest].Ingest
			ingest.Seen, ingest.Before = test.seen, test.before
			s.poll(10.6)
			b.committed(0, 11, true)
			p := s.poll(11.1).Active[0]
			if p.Downloaded != test.downloaded || p.Cached != test.cached {
				t.Errorf("downloaded %d, cached %d; want %d, %d", p.Downloaded, p.Cached, test.downloaded, test.cached)
			}
			if want := []Estimate{DownloadBytes, DownloadStart}; !slices.Equal(p.Layers[0].Estimated, want) {
				t.Errorf("estimated %v, want %v", p.Layers[0].Estimated, want)
			}
		})
	}
}

func TestCached(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "app", 10, 2)
	a.committed(0, 1, true) // the blob is there, its snapshot is not
	a.unpacked(1, 2)        // the snapshot is there, its blob is not
	p := s.poll(10.5).Active[0]
	if p.Downloaded != 10 || p.Cached != 2000 {
		t.Errorf("downloaded %d, cached %d; want 10, 2000", p.Downloaded, p.Cached)
	}
	if p.Layers[0].State != LayerDownloaded || p.Layers[1].State != LayerCached {
		t.Errorf("layers %s and %s; want downloaded, cached", p.Layers[0].State, p.Layers[1].State)
	}
}

func TestEndedPullDoesNotComeBack(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "app", 0, 1)
	s.poll(1)
	a.Gone = true
	s.poll(2)
	s.poll(3)
	a.Gone = false
	s.running = append(s.running, a) // a late observation
	if u := s.poll(4); len(u.Started)+len(u.Active)+len(u.Ended) != 0 {
		t.Errorf("an ended pull came back: %+v", u)
	}
	if len(s.ended) != 1 || len(s.started) != 1 {
		t.Errorf("started %d, ended %d times; want once each", len(s.started), len(s.ended))
	}
}

// A pull whose last reading was lost has ended all the same.
func TestPullThatIsNoLongerObserved(t *testing.T) {
	s := newScene(3)
	s.lease("a", "app", 0, 1)
	s.poll(1)
	s.running = nil
	s.poll(2)
	s.poll(3)
	if len(s.ended) != 1 || s.ended[0].Outcome != Failure {
		t.Errorf("ended %+v, want one failure", s.ended)
	}
}

// A pull whose runtime ended is over since then, whatever a retry has done until
// the runtime is asked again.
func TestRuntimeEndedUnderAPull(t *testing.T) {
	s := newScene(3)
	a := s.lease("a", "app", 0, 1)
	a.open(0, 0.1, 300, 1)
	s.poll(1)
	s.event(BlobCommitted, 4, layerDigest("app", 0))
	s.stored("app", "1", 4.5)
	a.Gone, a.Lost = true, at(2)
	s.poll(5)
	s.poll(5.1)
	if len(s.ended) != 1 {
		t.Fatalf("told as ended %d times, want once", len(s.ended))
	}
	p := s.ended[0]
	if p.Outcome != Failure || !p.End.Equal(at(2)) || !slices.Equal(p.Estimated, []Estimate{DownloadBytes, PullEnd}) {
		t.Errorf("%s at %s, estimated %v; want failure at 2 s, bytes and end estimated", p.Outcome, p.End, p.Estimated)
	}
	if p.Downloaded != 310 {
		t.Errorf("downloaded %d, want the 310 bytes that came before", p.Downloaded)
	}
}
