package telemetry

import (
	"context"
	"time"
)

// Between two exports of our own accord there is a second at least, and longer
// while they fail: a backend that refuses is not helped by more of them.
const (
	flushGap    = time.Second
	maxFlushGap = 30 * time.Second
)

// flusher exports when a pull starts or ends, without waiting for the interval
// of the exporter. It does so apart from the poll loop, since a dead endpoint
// holds an export up for the exporter's whole timeout; one export at a time, and
// again as long as something that is told once waits for an export that succeeds.
type flusher struct {
	wanted  chan struct{}
	export  func(context.Context) error
	flushed func(began time.Time)
	pending func() bool
	gap     time.Duration      // between two exports, at least
	stop    context.CancelFunc // begins no other export
	cancel  context.CancelFunc // ends the one that is under way
	done    chan struct{}      // closed when all have ended
}

// newFlusher calls flushed with the time at which an export that succeeded had
// begun, and asks whether something is pending after one that did not.
func newFlusher(gap time.Duration, export func(context.Context) error, flushed func(began time.Time), pending func() bool) *flusher {
	exporting, cancel := context.WithCancel(context.Background())
	running, stop := context.WithCancel(exporting)
	f := &flusher{
		wanted: make(chan struct{}, 1), gap: gap, export: export, flushed: flushed, pending: pending,
		stop: stop, cancel: cancel, done: make(chan struct{}),
	}
	go func() {
		defer close(f.done)
		f.run(running, exporting)
	}()
	return f
}

// flush asks for an export. It does not wait for it.
func (f *flusher) flush() {
	select {
	case f.wanted <- struct{}{}:
	default: // one is asked for already
	}
}

// close waits for the export that is under way, since the SDK forgets the spans of one
// that is cancelled, and cancels it when ctx is done.
func (f *flusher) close(ctx context.Context) {
	f.stop()
	select {
	case <-f.done:
	case <-ctx.Done():
	}
	f.cancel()
	<-f.done
}

func (f *flusher) run(running, exporting context.Context) {
	gap := f.gap
	for {
		select {
		case <-running.Done():
			return
		case <-f.wanted:
		}
		began := time.Now()
		if err := f.export(exporting); err == nil {
			f.flushed(began)
			gap = f.gap
		} else {
			if f.pending() {
				f.flush() // again; the log has the error
			}
			gap = min(2*gap, maxFlushGap)
		}
		select {
		case <-running.Done():
			return
		case <-time.After(gap):
		}
	}
}
