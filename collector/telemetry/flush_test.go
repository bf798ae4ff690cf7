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
		defer f.close()
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
		defer f.close()
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
		defer f.close()
		f.flush()
		time.Sleep(10 * time.Second)
		if exports.Load() != 1 {
			t.Errorf("%d exports, want 1", exports.Load())
		}
	})
}

// An endpoint that is dead holds up neither the caller nor the end.
func TestFlushDoesNotBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlusher(flushGap, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, func(time.Time) {}, always)
		began := time.Now()
		f.flush()
		f.flush()
		synctest.Wait()
		f.close()
		if took := time.Since(began); took != 0 {
			t.Errorf("took %s, want no time", took)
		}
	})
}
