package telemetry

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func always() bool { return true }

func TestFlushIsRateLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var exports atomic.Int32
		f := newFlusher(flushGap, func(context.Context) error { exports.Add(1); return nil }, func(time.Time) {}, always)
		defer f.close(t.Context())
		for range 100 {
			f.flush()
			time.Sleep(30 * time.Millisecond)
		}
		if got := exports.Load(); got < 3 || got > 4 {
			t.Errorf("%d exports in 3 s, want one a second", got)
		}
	})
}

func TestFlushIsTriedAgainUntilDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var exports, delivered atomic.Int32
		f := newFlusher(flushGap, func(context.Context) error {
			if exports.Add(1) < 3 {
				return errors.New("refused")
			}
			return nil
		}, func(time.Time) { delivered.Add(1) }, always)
		defer f.close(t.Context())
		f.flush()
		time.Sleep(10 * time.Second)
		if exports.Load() != 3 || delivered.Load() != 1 {
			t.Errorf("%d exports, %d delivered; want 3 and 1", exports.Load(), delivered.Load())
		}
	})
}

// An export that only came early is not worth a second try.
func TestFlushOfNothingPendingIsTriedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var exports atomic.Int32
		f := newFlusher(flushGap, func(context.Context) error { exports.Add(1); return errors.New("refused") },
			func(time.Time) { t.Error("told as delivered") }, func() bool { return false })
		defer f.close(t.Context())
		f.flush()
		time.Sleep(10 * time.Second)
		if exports.Load() != 1 {
			t.Errorf("%d exports, want 1", exports.Load())
		}
	})
}

// A backend that refuses is asked less and less often, and once it takes an export
// the next one comes in a second.
func TestFlushBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var exports atomic.Int32
		var works atomic.Bool
		f := newFlusher(flushGap, func(context.Context) error {
			exports.Add(1)
			if works.Load() {
				return nil
			}
			return errors.New("refused")
		}, func(time.Time) {}, always)
		defer f.close(t.Context())
		f.flush()
		time.Sleep(10 * time.Minute) // at 0, 2, 6, 14, 30, and then every 30 s
		if got := exports.Load(); got < 20 || got > 25 {
			t.Errorf("%d exports in 10 min, want one every 30 s", got)
		}
		works.Store(true)
		time.Sleep(time.Minute)
		before := exports.Load()
		f.flush()
		time.Sleep(time.Second)
		f.flush()
		time.Sleep(time.Second)
		if got := exports.Load() - before; got != 2 {
			t.Errorf("%d exports once it works, want 2 in 2 s", got)
		}
	})
}

// An endpoint that is dead holds up the caller not at all, and the end as long as it is
// given.
func TestFlushDoesNotBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlusher(flushGap, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, func(time.Time) {}, always)
		began := time.Now()
		f.flush()
		f.flush()
		synctest.Wait()
		if took := time.Since(began); took != 0 {
			t.Errorf("took %s, want no time", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		f.close(ctx)
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("the end took %s, want the 3 s that it was given", took)
		}
	})
}

// The end waits for an export that is under way: the spans of one that is cancelled are
// lost.
func TestEndWaitsForAnExport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var exported atomic.Bool
		f := newFlusher(flushGap, func(ctx context.Context) error {
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
				exported.Store(true)
			}
			return ctx.Err()
		}, func(time.Time) {}, always)
		f.flush()
		synctest.Wait()
		f.close(t.Context())
		if !exported.Load() {
			t.Error("the export was cancelled")
		}
	})
}
