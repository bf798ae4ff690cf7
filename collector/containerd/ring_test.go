package containerd

import (
	"fmt"
	"testing"

	"github.com/containerd/containerd/v2/core/events"
)

// Nobody takes anything, and whoever puts something in does not wait: the newest stay.
func TestRing(t *testing.T) {
	r := newRing()
	const over = 10
	for i := range maxRing + over {
		r.put(&events.Envelope{Topic: fmt.Sprint(i)})
	}
	<-r.ready
	list, lost := r.take()
	if len(list) != maxRing || lost != over || list[0].Topic != fmt.Sprint(over) {
		t.Errorf("%d events from %s on, %d lost; want %d from %d on", len(list), list[0].Topic, lost, maxRing, over)
	}
	if list, lost := r.take(); len(list) != 0 || lost != 0 {
		t.Errorf("then %d events, %d lost; want none", len(list), lost)
	}
}
