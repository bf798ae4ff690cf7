package containerd

import (
	"context"
	"fmt"
	"slices"
	"time"

	apievents "github.com/containerd/containerd/api/events"
	"github.com/containerd/containerd/v2/core/events"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/typeurl/v2"
	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// topics are the events that pulls make.
var topics = []string{
	`topic=="/images/create"`,
	`topic=="/images/update"`,
	`topic=="/content/create"`, // since 2.1
	`topic=="/snapshot/prepare"`,
	`topic=="/snapshot/commit"`,
	`topic=="/snapshot/remove"`,
}

// Watch hands over the events of containerd that pulls make. It must keep up:
// containerd queues what a subscriber has not taken without a bound
// (exchange.go:128 @v2.4.2).
func (s *Source) Watch(ctx context.Context, emit func(pull.Event)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	envelopes, errs := s.client.Subscribe(ctx, topics...)
	for {
		select {
		case env := <-envelopes:
			if !s.watches(env.Namespace) {
				continue
			}
			s.sight(ctx, env.Namespace)
			if e, ok := s.event(ctx, env); ok {
				emit(e)
			}
		case err := <-errs:
			if err == nil {
				err = ctx.Err()
			}
			s.lose(time.Now())
			return fmt.Errorf("containerd's event stream: %w", err)
		}
	}
}

func (s *Source) watches(ns string) bool {
	return len(s.config.Namespaces) == 0 || slices.Contains(s.config.Namespaces, ns)
}

// event makes of an envelope what the tracker wants. It is not ok for events
// that tell nothing of a pull.
func (s *Source) event(ctx context.Context, env *events.Envelope) (e pull.Event, ok bool) {
	payload, err := typeurl.UnmarshalAny(env.Event)
	if err != nil {
		return e, false
	}
	e = pull.Event{Time: env.Timestamp, Namespace: env.Namespace}
	switch p := payload.(type) {
	case *apievents.ImageCreate:
		return s.imageEvent(ctx, e, p.GetName())
	case *apievents.ImageUpdate:
		return s.imageEvent(ctx, e, p.GetName())
	case *apievents.ContentCreate:
		e.Kind = pull.BlobCommitted
		e.Digest, ok = parseDigest(p.GetDigest())
	case *apievents.SnapshotPrepare:
		e.Kind = pull.SnapshotPrepared
		e.Digest, ok = chainOfKey(p.GetKey())
	case *apievents.SnapshotCommit:
		e.Kind = pull.SnapshotCommitted
		e.Digest, ok = parseDigest(p.GetName())
	case *apievents.SnapshotRemove:
		e.Kind = pull.SnapshotRemoved
		e.Digest, ok = chainOfKey(p.GetKey())
	}
	return e, ok
}

// imageEvent asks for the root of an image record, which its event does not
// tell.
func (s *Source) imageEvent(ctx context.Context, e pull.Event, name string) (pull.Event, bool) {
	if isImageID(name) {
		return e, false
	}
	image, err := s.client.ImageService().Get(namespaces.WithNamespace(ctx, e.Namespace), name)
	if err != nil {
		return e, false // deleted again
	}
	e = recordEvent(e.Namespace, e.Time, image)
	s.remember(record{e.Namespace, e.Digest, e.Time})
	return e, true
}

// recordEvent tells that an image record was written.
func recordEvent(ns string, at time.Time, image images.Image) pull.Event {
	parsed := imageName(image.Name)
	parsed.Root = image.Target.Digest
	return pull.Event{Time: at, Namespace: ns, Kind: pull.ImageStored, Digest: parsed.Root, Image: parsed}
}

// record is an image record that was written.
type record struct {
	namespace string
	root      digest.Digest
	time      time.Time
}

// maxRecords is how many image records are remembered. They are asked for
// within a moment.
const maxRecords = 64

func (s *Source) remember(r record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.records) == maxRecords {
		s.records = slices.Delete(s.records, 0, 1)
	}
	s.records = append(s.records, r)
}

// tagTime is more than the lease of a tag lives, which holds nothing. That of a
// pull holds nothing for as long as the registry takes to resolve the name.
const tagTime = 50 * time.Millisecond

// unclaimedRoot is the root of a lease that was seen, but went before it listed
// anything: that of the only image record that was written after the lease was last
// asked for its resources and is not of another lease. Such is a pull of an image
// that was there. A record that is older is not the lease's, for it would have
// listed its root by then: a tag, beside a pull that the registry refused.
func (s *Source) unclaimedRoot(ns string, gone *lease) digest.Digest {
	if gone.askedAt.Sub(gone.created) < tagTime {
		return ""
	}
	claimed := make(map[digest.Digest]bool)
	rootless := 0
	for key, l := range s.leases {
		switch {
		case key.namespace != ns:
		case l.root != "":
			claimed[l.root] = true
		case l.gone:
			rootless++
		}
	}
	var root digest.Digest
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.records {
		if r.namespace != ns || claimed[r.root] || r.time.Before(gone.askedAt) || r.time.After(gone.goneAt) {
			continue
		}
		if root != "" && root != r.root {
			return ""
		}
		root = r.root
	}
	if rootless > 1 {
		return ""
	}
	return root
}

// stored are the image records of a root, if no event told of one since a time.
// Looking costs more the more images there are, so it is left for pulls that
// failed or whose events were lost.
func (s *Source) stored(ctx context.Context, ns string, root digest.Digest, since time.Time) ([]pull.Event, error) {
	if s.told(ns, root, since) {
		return nil, nil
	}
	list, err := s.client.ImageService().List(ctx, "target.digest=="+root.String())
	if err != nil && broken(err) {
		return nil, fmt.Errorf("listing images of %s: %w", root, err)
	}
	var records []pull.Event
	for _, image := range list {
		if !isImageID(image.Name) {
			records = append(records, recordEvent(ns, image.UpdatedAt, image))
		}
	}
	return records, nil
}

func (s *Source) told(ns string, root digest.Digest, since time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.records, func(r record) bool {
		return r.namespace == ns && r.root == root && !r.time.Before(since)
	})
}
