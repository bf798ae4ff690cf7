package kubernetes

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// watcher makes the reflector's calls, and tells the level whether they go well:
// the reflector itself tells nobody.
type watcher struct {
	pods    *Pods
	level   *level
	running context.Context //nolint:containedctx // List and Watch, which the reflector calls without one, end with it
	expired func()          // ends the reflector
}

// List reads the pods of the node. The answer comes from the API server's cache
// (the reflector asks for any version), in which they are indexed by node.
func (w *watcher) List(o metav1.ListOptions) (runtime.Object, error) {
	return w.ListWithContext(w.running, o)
}

// Watch opens a stream of the changes.
func (w *watcher) Watch(o metav1.ListOptions) (watch.Interface, error) {
	return w.WatchWithContext(w.running, o)
}

// ListWithContext is List.
func (w *watcher) ListWithContext(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, w.pods.patience.answer)
	defer cancel()
	w.level.listing()
	list := &PodList{}
	err := w.pods.client.Get().Resource("pods").VersionedParams(w.narrow(&o), metav1.ParameterCodec).Do(ctx).Into(list)
	if err != nil {
		w.failed("list", err)
		return nil, err
	}
	return list, nil
}

// WatchWithContext is Watch. An API server that does not begin to answer, or that
// is silent for longer than any is, is taken for gone.
func (w *watcher) WatchWithContext(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	late := time.AfterFunc(w.pods.patience.answer, func() {
		cancel(fmt.Errorf("no answer within %s", w.pods.patience.answer))
	})
	o.Watch = true
	inner, err := w.pods.client.Get().Resource("pods").VersionedParams(w.narrow(&o), metav1.ParameterCodec).Watch(ctx)
	if !late.Stop() && err == nil {
		inner.Stop()
		err = context.Cause(ctx)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		cancel(nil)
		w.failed("watch", err)
		return nil, err
	}
	w.level.watching(o.SendInitialEvents != nil && *o.SendInitialEvents)
	s := &stream{inner: inner, end: func() { cancel(nil) }, events: make(chan watch.Event), done: make(chan struct{})}
	go s.run(w.pods.patience.silence, func(err error) { w.failed("watch", err) })
	return s, nil
}

func (w *watcher) narrow(o *metav1.ListOptions) *metav1.ListOptions {
	o.FieldSelector = fields.OneTermEqualSelector("spec.nodeName", w.pods.node).String()
	return o
}

// failed tells the level of a call that failed, if it is worth telling: a version
// that is too old is followed by a list in a moment, and a streamed list at once, where
// the API server refuses it because it has none.
func (w *watcher) failed(verb string, err error) {
	switch old := apierrors.IsResourceExpired(err) || apierrors.IsGone(err); {
	case w.running.Err() != nil:
	case old && verb == "watch":
		w.expired()
	case old || verb == "watch" && apierrors.IsInvalid(err):
	default:
		w.level.failed(verb, err)
	}
}

// stream is a watch that ends when nothing comes for a while.
type stream struct {
	inner  watch.Interface
	end    func()
	events chan watch.Event
	done   chan struct{} // closed by Stop
	once   sync.Once
}

func (s *stream) ResultChan() <-chan watch.Event { return s.events }

// Stop ends the stream; it may be called again.
func (s *stream) Stop() { s.once.Do(func() { close(s.done) }) }

// run hands on what comes. When the channel closes, the reflector watches anew,
// from where it was.
func (s *stream) run(silence time.Duration, failed func(error)) {
	defer close(s.events)
	defer s.end()
	defer s.inner.Stop()
	quiet := time.NewTimer(silence)
	defer quiet.Stop()
	for {
		select {
		case e, open := <-s.inner.ResultChan():
			if !open {
				return
			}
			quiet.Reset(silence)
			if e.Type == watch.Error {
				failed(apierrors.FromObject(e.Object))
			}
			select {
			case s.events <- e:
			case <-s.done:
				return
			}
		case <-quiet.C:
			return
		case <-s.done:
			return
		}
	}
}
