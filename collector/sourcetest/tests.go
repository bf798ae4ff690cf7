package sourcetest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector"
	"github.com/pulltrace/pulltrace/collector/pull"
)

func idle(t *testing.T, r Runtime) {
	if o := observe(t, r.Source(t)); len(o.Pulls) != 0 {
		t.Errorf("%d pulls on an idle runtime", len(o.Pulls))
	}
}

// wholePull: identity and begin stay, offsets never fall and stay within sizes,
// the manifest is the registry's, and the last reading has every blob and
// snapshot.
func wholePull(t *testing.T, r Runtime) {
	i, s := slow(t, r), r.Source(t)
	began := time.Now()
	background(t, r, i)
	var first, last pull.Reading
	offsets := map[digest.Digest]int64{}
	follow(t, s, i, func(now pull.Reading) {
		if first.ID == (pull.ID{}) {
			first = now
		}
		last = now
		if now.ID != first.ID || !now.Created.Equal(first.Created) {
			t.Errorf("the pull was %v of %s and is %v of %s", first.ID, first.Created, now.ID, now.Created)
		}
		for d, b := range now.Blobs {
			if b.Ingest == nil {
				continue
			}
			if b.Ingest.Offset < offsets[d] || b.Ingest.Offset > size(i, d) {
				t.Errorf("blob %s is at %d of %d, after %d", d, b.Ingest.Offset, size(i, d), offsets[d])
			}
			offsets[d] = b.Ingest.Offset
		}
	})
	if first.ID.Daemon == "" || first.ID.Lease == "" || first.Created.Before(began) || first.Created.After(time.Now()) {
		t.Errorf("the pull is %+v, created %s; it began after %s", first.ID, first.Created, began)
	}
	if len(offsets) == 0 {
		t.Error("no ingest was seen")
	}
	checkEnd(t, i, last)
}

// checkEnd holds the last reading of a good pull against the image.
func checkEnd(t *testing.T, i Image, last pull.Reading) {
	t.Helper()
	if last.Manifest == nil {
		t.Fatal("no manifest was read")
	}
	if last.Manifest.Config != i.Manifest.Config || !slices.Equal(last.Manifest.Layers, i.Manifest.Layers) {
		t.Errorf("the manifest was read as %+v, it is %+v", last.Manifest, i.Manifest)
	}
	for d, b := range last.Blobs {
		if b.Committed.Before(last.Created) {
			t.Errorf("blob %s was committed at %s, the pull began at %s", d, b.Committed, last.Created)
		}
	}
	if len(last.Blobs) != len(i.Manifest.Layers)+1 || len(last.Chains) != len(i.Manifest.Layers) {
		t.Errorf("%d blobs and %d snapshots were read of %d layers", len(last.Blobs), len(last.Chains), len(i.Manifest.Layers))
	}
	for id, c := range last.Chains {
		if c.Created.Before(last.Created) {
			t.Errorf("snapshot %s was committed at %s, the pull began at %s", id, c.Created, last.Created)
		}
	}
}

func size(i Image, d digest.Digest) int64 {
	for _, l := range append(slices.Clone(i.Manifest.Layers), i.Manifest.Config) {
		if l.Digest == d {
			return l.Size
		}
	}
	return 0
}

// sameIdentity: whoever watches next, after a restart of Pulltrace, tells the
// same pull.
func sameIdentity(t *testing.T, r Runtime) {
	i, s := slow(t, r), r.Source(t)
	background(t, r, i)
	var other pull.Reading
	follow(t, s, i, func(now pull.Reading) {
		if other.ID != (pull.ID{}) || now.Manifest == nil {
			return
		}
		if other, _ = of(t, observe(t, r.Source(t)), i); other.ID != now.ID || !other.Created.Equal(now.Created) {
			t.Errorf("one source says %v of %s, another one %v of %s", now.ID, now.Created, other.ID, other.Created)
		}
	})
	if other.ID == (pull.ID{}) {
		t.Error("the second source never saw the pull")
	}
}

// watched is a source whose events are kept.
type watched struct {
	mu     sync.Mutex
	events []pull.Event
}

func watch(t *testing.T, s collector.Source) *watched {
	t.Helper()
	w := &watched{}
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() {
		_ = s.Watch(ctx, func(e pull.Event) { // it ends with its context
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		})
	})
	t.Cleanup(func() { cancel(); watching.Wait() })
	time.Sleep(time.Second) // nothing tells when a stream is open
	return w
}

func (w *watched) of(kind pull.EventKind, d digest.Digest) (found []pull.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if e.Kind == kind && e.Digest == d {
			found = append(found, e)
		}
	}
	return found
}

// events: each layer's unpacking begins and ends within the pull, and a good
// pull records its image before it is gone.
func events(t *testing.T, r Runtime) {
	i, s := slow(t, r), r.Source(t)
	w := watch(t, s)
	background(t, r, i)
	var last pull.Reading
	follow(t, s, i, func(now pull.Reading) { last = now })
	for _, id := range last.Manifest.ChainIDs {
		prepared, committed := w.of(pull.SnapshotPrepared, id), w.of(pull.SnapshotCommitted, id)
		if len(prepared) != 1 || len(committed) != 1 || committed[0].Time.Before(prepared[0].Time) || prepared[0].Time.Before(last.Created) {
			t.Errorf("snapshot %s: prepared %v, committed %v", id, prepared, committed)
		}
	}
	records := w.of(pull.ImageStored, i.Root)
	if len(records) == 0 || records[0].Image.Name == "" || records[0].Image.Tag == "" || records[0].Namespace != last.ID.Namespace {
		t.Errorf("the image was recorded as %+v", records)
	}
}

// comesBack: a runtime that goes is an error, and one that is there again
// answers the same source.
func comesBack(t *testing.T, r Runtime) {
	s := r.Source(t)
	observe(t, s)
	r.Stop()
	if _, err := s.Observe(t.Context()); err == nil {
		t.Error("no error of a runtime that was stopped")
	}
	r.Start()
	deadline := time.Now().Add(limit)
	for {
		_, err := s.Observe(t.Context())
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s after its return: %v", limit, err)
		}
		time.Sleep(lookGap)
	}
	i := slow(t, r)
	background(t, r, i)
	follow(t, s, i, func(pull.Reading) {})
}

func endsWithContext(t *testing.T, r Runtime) {
	s := r.Source(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Watch(ctx, func(pull.Event) {}) }()
	time.Sleep(lookGap)
	cancel()
	select {
	case err := <-done:
		if err == nil {
			t.Error("Watch returned nil")
		}
	case <-time.After(limit):
		t.Fatal("Watch does not end with its context")
	}
	if _, err := s.Observe(ctx); err == nil {
		t.Error("Observe answers though its context is done")
	}
}

// cancelled: of a pull that did not end well no image record may be told.
func cancelled(t *testing.T, r Runtime) {
	i, s := slow(t, r), r.Source(t)
	w := watch(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Pull(ctx, i) }()
	seen := 0
	follow(t, s, i, func(now pull.Reading) {
		if seen++; seen == 5 {
			cancel()
		}
		if len(now.Records) != 0 {
			t.Errorf("an image record of a pull that was cancelled: %v", now.Records)
		}
	})
	cancel()
	if err := <-done; err == nil {
		t.Fatal("the pull went well, though it was cancelled")
	}
	if records := w.of(pull.ImageStored, i.Root); len(records) != 0 {
		t.Errorf("an event of an image record of a pull that was cancelled: %v", records)
	}
}

func notThere(t *testing.T, r Runtime) {
	r.Stop()
	s := r.Source(t)
	began := time.Now()
	if _, err := s.Observe(t.Context()); err == nil {
		t.Error("no error of a runtime that is not there")
	}
	if took := time.Since(began); took > limit {
		t.Errorf("it took %s to say that there is no runtime", took)
	}
	r.Start()
}
