package containerd

import (
	"maps"
	"slices"
	"time"

	"github.com/containerd/containerd/v2/core/leases"

	"github.com/pulltrace/pulltrace/collector/containerd/judge"
	"github.com/pulltrace/pulltrace/collector/limits"
	"github.com/pulltrace/pulltrace/collector/pull"
)

// inbox is what was noted as events came, for the next look at each namespace.
type inbox struct {
	leases  map[seenLease]judge.Listed // that were there when an event came
	records map[string][]judge.Record  // by namespace
	omitted map[pull.Omitted]int
}

type seenLease struct {
	namespace, id string
	created       int64 // Unix time in ns
}

func newInbox() inbox {
	return inbox{leases: make(map[seenLease]judge.Listed), records: make(map[string][]judge.Record), omitted: make(map[pull.Omitted]int)}
}

// noteLease takes note of a lease as it is now.
func (i *inbox) noteLease(namespace string, seen judge.Listed) {
	key := seenLease{namespace, seen.Lease.ID, seen.Lease.CreatedAt.UnixNano()}
	if _, again := i.leases[key]; !again && len(i.leases) == limits.SeenLeases {
		i.omitted[pull.OmittedLeases]++
		return
	}
	i.leases[key] = seen
}

// noteRecord takes note of an image record; the oldest one is dropped where there are too
// many.
func (i *inbox) noteRecord(namespace string, r judge.Record) {
	list := i.records[namespace]
	if len(list) == limits.SeenRecords {
		i.omitted[pull.OmittedRecords]++
		list = slices.Delete(list, 0, 1)
	}
	i.records[namespace] = append(list, r)
}

// omit takes note that so many things were left out.
func (s *Source) omit(kind pull.Omitted, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inbox.omitted[kind] += n
}

// takeOmitted is what was left out since the last observation.
func (s *Source) takeOmitted() map[pull.Omitted]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.inbox.omitted) == 0 {
		return nil
	}
	omitted := s.inbox.omitted
	s.inbox.omitted = make(map[pull.Omitted]int)
	return omitted
}

// keepOnly drops what is of namespaces that are gone.
func (i *inbox) keepOnly(names []string) {
	maps.DeleteFunc(i.leases, func(key seenLease, _ judge.Listed) bool { return !slices.Contains(names, key.namespace) })
	maps.DeleteFunc(i.records, func(name string, _ []judge.Record) bool { return !slices.Contains(names, name) })
}

// noteQuiet notes which leases need not be looked at when an event comes.
func (s *Source) noteQuiet(now time.Time) {
	quiet := make(map[seenLease]bool)
	for name, n := range s.namespaces {
		n.EachDormant(now, func(id string, created int64) { quiet[seenLease{name, id, created}] = true })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quiet = quiet
}

func (s *Source) isQuiet(namespace string, l leases.Lease) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.quiet[seenLease{namespace, l.ID, l.CreatedAt.UnixNano()}]
}

// handLeases hands to a namespace the leases that were noted.
func (s *Source) handLeases(name string, n *judge.Namespace) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, seen := range s.inbox.leases {
		if key.namespace == name {
			n.Hold(seen, s.daemon.Daemon)
			delete(s.inbox.leases, key)
		}
	}
}

// handRecords hands to a namespace the image records that were noted.
func (s *Source) handRecords(name string, n *judge.Namespace) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.inbox.records[name] {
		n.Record(r)
	}
	delete(s.inbox.records, name)
}
