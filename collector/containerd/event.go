package containerd

import (
	"context"
	"fmt"
	"slices"
	"time"

	apievents "github.com/containerd/containerd/api/events"
	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	"github.com/containerd/containerd/v2/core/events"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/typeurl/v2"

	"github.com/pulltrace/pulltrace/collector/containerd/judge"
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
	envelopes, errs := s.client.events.Subscribe(ctx, topics...)
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
		e.Digest, ok = judge.ParseDigest(p.GetDigest())
	case *apievents.SnapshotPrepare:
		e.Kind = pull.SnapshotPrepared
		e.Digest, ok = judge.ChainOfKey(p.GetKey())
	case *apievents.SnapshotCommit:
		e.Kind = pull.SnapshotCommitted
		e.Digest, ok = judge.ParseDigest(p.GetName())
	case *apievents.SnapshotRemove:
		e.Kind = pull.SnapshotRemoved
		e.Digest, ok = judge.ChainOfKey(p.GetKey())
	}
	return e, ok
}

// imageEvent asks for the root of an image record, which its event does not
// tell.
func (s *Source) imageEvent(ctx context.Context, e pull.Event, name string) (pull.Event, bool) {
	if judge.IsImageID(name) {
		return e, false
	}
	found, err := s.client.images.Get(namespaces.WithNamespace(ctx, e.Namespace), &imagesapi.GetImageRequest{Name: name})
	if err != nil {
		return e, false // deleted again
	}
	r, ok := judge.ParseRecord(name, found.GetImage().GetTarget().GetDigest(), e.Time)
	if !ok {
		return e, false
	}
	s.mu.Lock()
	s.inbox.noteRecord(e.Namespace, r)
	s.mu.Unlock()
	return r.Event(e.Namespace), true
}
