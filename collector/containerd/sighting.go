package containerd

import (
	"context"
	"time"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/pkg/namespaces"
)

// sighting is a lease as it was when an event came. The pull of a small image is
// over in a few hundredths of a second, less than a poll of a busy containerd
// takes; what its lease held is told by no event and not stored.
type sighting struct {
	lease     leases.Lease
	askedAt   time.Time
	resources []leases.Resource
}

const (
	// sightGap is the least time between two sightings in a burst of events.
	sightGap = 5 * time.Millisecond
	// maxSightings bounds the leases that wait for the next poll.
	maxSightings = 256
)

// sight notes the leases of a namespace and what they hold. Errors are left for
// the poll to tell.
func (s *Source) sight(ctx context.Context, ns string) {
	if time.Since(s.sighted) < sightGap {
		return
	}
	ctx = namespaces.WithNamespace(ctx, ns)
	list, err := s.client.leases.List(ctx, pullLeases)
	if err != nil {
		return
	}
	for _, l := range list {
		askedAt := time.Now()
		resources, err := s.client.leases.ListResources(ctx, l)
		if err != nil {
			continue
		}
		s.note(leaseKey{ns, l.ID}, &sighting{l, askedAt, resources})
	}
	s.sighted = time.Now()
}

func (s *Source) note(key leaseKey, seen *sighting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, again := s.seen[key]; again || len(s.seen) < maxSightings {
		s.seen[key] = seen
	}
}

// meet adds the leases of a namespace that were seen since the last poll, many
// of which are gone by now.
func (s *Source) meet(ns string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, seen := range s.seen {
		if key.namespace != ns {
			continue
		}
		delete(s.seen, key)
		l := s.lease(ns, seen.lease)
		l.hold(seen.resources)
		l.askedAt = seen.askedAt
	}
}
