package containerd

import (
	"sync"

	"github.com/containerd/containerd/v2/core/events"

	"github.com/pulltrace/pulltrace/collector/limits"
)

// ring keeps events until they are taken, the newest ones if there are too many. Whoever
// puts one in never waits: containerd queues what a subscriber has not received without a
// bound (exchange.go:128 @v2.4.2).
type ring struct {
	ready chan struct{} // has a value when there is something to take

	mu     sync.Mutex
	events []*events.Envelope
	lost   int // since they were last taken
}

func newRing() *ring { return &ring{ready: make(chan struct{}, 1)} }

func (r *ring) put(e *events.Envelope) {
	r.mu.Lock()
	if len(r.events) == limits.WaitingEvents {
		r.events = r.events[1:] // append makes room anew, and lets go of what fell out
		r.lost++
	}
	r.events = append(r.events, e)
	r.mu.Unlock()
	select {
	case r.ready <- struct{}{}:
	default:
	}
}

// take returns what came since it was last called, and how many events fell out.
func (r *ring) take() (list []*events.Envelope, lost int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list, lost = r.events, r.lost
	r.events, r.lost = nil, 0
	return list, lost
}
