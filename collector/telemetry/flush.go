package telemetry

import (
	"context"
	"sync"
	"time"
)

const (
	flushGap     = time.Second      // between two exports of our own accord, at least
	flushTimeout = 10 * time.Second // a dead endpoint holds an export up for so long
)

// flusher exports when a pull starts or ends, without waiting for the interval
// of the exporter. It does so apart from the poll loop, one export at a time, and
// again as long as something that is told once waits for an export that succeeds.
type flusher struct {
	wanted  chan struct{}
	export  func(context.Context) error
	flushed func(began time.Time)
	pending func() bool
	gap     time.Duration // between two exports, at least
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

// newFlusher calls flushed with the time at which an export that succeeded had
// begun, and asks whether something is pending after one that did not.
func newFlusher(gap time.Duration, export func(context.Context) error, flushed func(began time.Time), pending func() bool) *flusher {
	ctx, cancel := context.WithCancel(context.Background())
	f := &flusher{wanted: make(chan struct{}, 1), gap: gap, export: export, flushed: flushed, pending: pending, cancel: cancel}
	f.done.Go(func() { f.run(ctx) })
	return f
}

// flush asks for an export. It does not wait for it.
func (f *flusher) flush() {
	select {
	case f.wanted <- struct{}{}:
	default: // one is asked for already
	}
}

func (f *flusher) close() {
	f.cancel()
	f.done.Wait()
}

func (f *flusher) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.wanted:
		}
		began := time.Now()
		if err := f.exportOnce(ctx); err == nil {
			f.flushed(began)
		} else if f.pending() {
			f.flush() // the SDK has told of the error
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(f.gap):
		}
	}
}

func (f *flusher) exportOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	return f.export(ctx)
}
