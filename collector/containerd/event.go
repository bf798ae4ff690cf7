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

// Watch hands over the events of containerd that pulls make. One goroutine only receives,
// whatever is done with them: see [ring]. What falls out is reported as if the stream had
// been broken: the polls find it, as far as it is stored.
func (s *Source) Watch(ctx context.Context, emit func(pull.Event)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	envelopes, errs := s.client.events.Subscribe(ctx, topics...)
	received := newRing()
	handled := make(chan struct{})
	go func() {
		defer close(handled)
		s.handle(ctx, received, emit)
	}()
	defer func() { cancel(); <-handled }()
	for {
		select {
		case env := <-envelopes:
			received.put(env)
		case err := <-errs:
			if err == nil {
				err = ctx.Err()
			}
			s.lose(now())
			return fmt.Errorf("containerd's event stream: %w", err)
		}
	}
}

// handle takes events as they come, until ctx is done.
func (s *Source) handle(ctx context.Context, received *ring, emit func(pull.Event)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-received.ready:
		}
		list, lost := received.take()
		if lost > 0 {
			emit(pull.Event{Time: time.Now().Round(0), Kind: pull.EventsLost, Lost: lost})
		}
		for _, env := range list {
			if ctx.Err() != nil {
				return
			}
			s.handleEvent(ctx, env, emit)
		}
	}
}

func (s *Source) handleEvent(ctx context.Context, env *events.Envelope, emit func(pull.Event)) {
	if len(s.config.Namespaces) > 0 && !slices.Contains(s.config.Namespaces, env.Namespace) {
		return
	}
	e, image, ok := parseEvent(env)
	if !ok {
		return
	}
	s.sight(ctx, env.Namespace)
	if image != "" {
		if e, ok = s.imageEvent(ctx, e, image); !ok {
			return
		}
	}
	emit(e)
}

// parseEvent makes of an envelope what the tracker wants, or says the name of the image
// record that it is of. It is not ok for events that tell nothing of a pull.
func parseEvent(env *events.Envelope) (e pull.Event, image string, ok bool) {
	payload, err := typeurl.UnmarshalAny(env.Event)
	if err != nil {
		return e, "", false
	}
	e = pull.Event{Time: env.Timestamp, Namespace: env.Namespace}
	switch p := payload.(type) {
	case *apievents.ImageCreate:
		image = p.GetName()
	case *apievents.ImageUpdate:
		image = p.GetName()
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
	return e, image, ok || (image != "" && !judge.IsImageID(image))
}

// imageEvent asks for the root of an image record, which its event does not tell. Where
// records are written faster than it may ask, some are left out: a pull that ends finds its
// record by its root.
func (s *Source) imageEvent(ctx context.Context, e pull.Event, name string) (pull.Event, bool) {
	if !s.imageCalls.take(time.Now()) {
		s.omit(pull.OmittedRecords, 1)
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
