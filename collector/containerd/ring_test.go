package containerd

import (
	"context"
	"fmt"
	"testing"

	"github.com/containerd/containerd/v2/core/events"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/pulltrace/pulltrace/collector/limits"
	"github.com/pulltrace/pulltrace/collector/pull"
)

// Nobody takes anything, and whoever puts something in does not wait: the newest stay.
func TestRing(t *testing.T) {
	r := newRing()
	const over = 10
	for i := range limits.WaitingEvents + over {
		r.put(&events.Envelope{Topic: fmt.Sprint(i)})
	}
	<-r.ready
	list, lost := r.take()
	if len(list) != limits.WaitingEvents || lost != over || list[0].Topic != fmt.Sprint(over) {
		t.Errorf("%d events from %s on, %d lost; want %d from %d on", len(list), list[0].Topic, lost, limits.WaitingEvents, over)
	}
	if list, lost := r.take(); len(list) != 0 || lost != 0 {
		t.Errorf("then %d events, %d lost; want none", len(list), lost)
	}
}

// Events that fell out are reported as lost: what none of them said is then not known.
func TestLostEventsAreReported(t *testing.T) {
	r := newRing()
	for range limits.WaitingEvents + 1 {
		r.put(&events.Envelope{Event: &anypb.Any{}})
	}
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan pull.Event, 1)
	done := make(chan struct{})
	go func() { defer close(done); (&Source{}).handle(ctx, r, func(e pull.Event) { got <- e }) }()
	if e := <-got; e.Kind != pull.EventsLost {
		t.Errorf("event %+v, want that events were lost", e)
	}
	cancel()
	<-done
}
