package containerd

import (
	"context"
	"time"

	"github.com/containerd/containerd/v2/pkg/namespaces"

	"github.com/pulltrace/pulltrace/collector/containerd/judge"
)

// sightGap is the least time between two sightings in a burst of events.
const sightGap = 5 * time.Millisecond

// sight notes the leases of a namespace as they are when an event comes. The pull of a
// small image is over in a few hundredths of a second, less than a poll of a busy containerd
// takes; what its lease held is told by no event and not stored. Errors are left for the
// poll to tell.
func (s *Source) sight(ctx context.Context, ns string) {
	began := time.Now()
	if !s.sightings.due(began) {
		return
	}
	defer func() { s.sightings.done(began, time.Now()) }()
	ctx = namespaces.WithNamespace(ctx, ns)
	list, err := s.client.leases.List(ctx, judge.PullLeases)
	if err != nil {
		return
	}
	for _, l := range list {
		if judge.IsBuilders(l) || s.isQuiet(ns, l) {
			continue
		}
		seen, err := s.listResources(ctx, l)
		if err != nil {
			continue
		}
		s.mu.Lock()
		s.inbox.noteLease(ns, seen)
		s.mu.Unlock()
	}
}
