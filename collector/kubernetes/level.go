package kubernetes

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// level is what is known of the pods of a node. The reflector keeps its pods in
// it, as in a store, and it keeps of each what is told, and what it takes to see
// that an attempt is a new one.
type level struct {
	node string
	log  *slog.Logger
	emit func(pull.Waiting)
	now  func() time.Time

	mu     sync.Mutex
	pods   map[name]*entry
	listed bool // all pods were seen, once at least
	coming bool // the watch that is open shows them first
	up     bool
	down   string // what is wrong, as it was logged; empty while up or not known yet
	told   *pull.Waiting
	closed bool
}

// name is by what the API server tells pods apart at one time.
type name struct{ namespace, name string }

// entry is a pod.
type entry struct {
	uid      string
	deleted  time.Time // when its end was asked for first; zero while nobody has
	waiters  []pull.Waiter
	failures map[string]waiting // by container; of those that wait after a failed pull
}

func newLevel(node string, log *slog.Logger, emit func(pull.Waiting)) *level {
	return &level{node: node, log: log, emit: emit, now: time.Now, pods: map[name]*entry{}}
}

// close ends the telling; the reflector's last call may come later.
func (l *level) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}

// Add takes a pod that is new, or one that a new watch shows again.
func (l *level) Add(obj any) error { return l.Update(obj) }

// Update takes a pod as it is now.
func (l *level) Update(obj any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	gone, failed := l.set(obj.(*Pod))
	l.tell(gone, failed)
	return nil
}

// Delete takes the end of a pod.
func (l *level) Delete(obj any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tell(l.remove(nameOf(obj.(*Pod))), nil)
	return nil
}

// Replace takes all pods as they are now, at the start and after a gap.
func (l *level) Replace(objs []any, _ string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var gone []pull.Waiter
	var failed []pull.Attempt
	there := map[name]bool{}
	for _, obj := range objs {
		p := obj.(*Pod)
		there[nameOf(p)] = true
		g, f := l.set(p)
		gone, failed = append(gone, g...), append(failed, f...)
	}
	for _, n := range slices.SortedFunc(maps.Keys(l.pods), name.compare) {
		if !there[n] {
			gone = append(gone, l.remove(n)...)
		}
	}
	if !l.listed {
		failed = nil // they had failed before anybody watched
		if len(objs) == 0 {
			l.log.Warn("Kubernetes shows no pod on this node: is that its name?", "node", l.node)
		}
	}
	l.listed = true
	if l.coming {
		l.coming = false
		l.answers()
	}
	l.tell(gone, failed)
	return nil
}

// Resync is the reflector's: there is nothing to do.
func (l *level) Resync() error { return nil }

// set takes a pod as it is now. It returns the waiters of one that had its name
// before and is gone, and the attempts that have failed since it was seen last.
func (l *level) set(p *Pod) (gone []pull.Waiter, failed []pull.Attempt) {
	n, now := nameOf(p), l.now()
	before := l.pods[n]
	if before != nil && before.uid != p.Meta.UID {
		gone, before = l.remove(n), nil
	}
	if before == nil {
		before = &entry{}
	}
	// Who asks again, to end it at once, makes the API server forget when the first did.
	e := &entry{uid: p.Meta.UID, deleted: before.deleted, failures: failuresOf(p)}
	if e.deleted.IsZero() {
		e.deleted = deleted(p)
	}
	e.waiters = waitersOf(p, e.deleted)
	l.pods[n] = e
	return gone, attempts(p, e.deleted, before.failures, e.failures, now)
}

// remove forgets a pod, and returns its waiters as they are told a last time.
func (l *level) remove(n name) []pull.Waiter {
	e := l.pods[n]
	if e == nil {
		return nil
	}
	delete(l.pods, n)
	last := slices.Clone(e.waiters)
	for i := range last {
		if last[i].Deleted.IsZero() {
			last[i].Deleted = l.now().UTC()
		}
	}
	return last
}

// tell emits the level if there is anything new: with the waiters of pods that
// are gone, and then without. Nothing is told before it is known whether the API
// server answers.
func (l *level) tell(gone []pull.Waiter, failed []pull.Attempt) {
	if l.closed || l.told == nil && !l.up && l.down == "" {
		return
	}
	var waiters []pull.Waiter
	for _, n := range slices.SortedFunc(maps.Keys(l.pods), name.compare) {
		waiters = append(waiters, l.pods[n].waiters...)
	}
	w := pull.Waiting{Time: l.now(), Up: l.up, Waiters: waiters}
	if len(gone) > 0 {
		last := w
		last.Waiters = slices.Concat(waiters, gone)
		last.Failed, failed = failed, nil
		l.told = &last
		l.emit(last)
	}
	if w.Failed = failed; len(failed) > 0 || l.told == nil || l.told.Up != w.Up || !slices.Equal(l.told.Waiters, w.Waiters) {
		l.told = &w
		l.emit(w)
	}
}

// listing takes that the pods are asked for, by themselves.
func (l *level) listing() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.coming = false
}

// watching takes that a watch has begun: the API server answers, and it lets us
// watch. Where the pods that there are come first, they are waited for.
func (l *level) watching(podsFirst bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.coming = podsFirst; !podsFirst {
		l.answers()
		l.tell(nil, nil)
	}
}

func (l *level) answers() {
	if !l.up {
		l.log.Info("Kubernetes answers", "node", l.node, "pods", len(l.pods))
	}
	l.up, l.down = true, ""
}

// failed takes that the API server did not answer, or not well. That is logged
// when it begins, and when it is something else that is wrong.
func (l *level) failed(verb string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	down, needs := "Kubernetes does not answer", ""
	switch {
	case apierrors.IsForbidden(err):
		down, needs = "Kubernetes does not let Pulltrace watch pods", "list and watch on pods, in all namespaces"
	case apierrors.IsUnauthorized(err):
		down, needs = "Kubernetes does not know who asks", "a valid token or certificate"
	}
	log := l.log.With("request", verb, "error", err)
	if needs != "" {
		log = log.With("needs", needs)
	}
	if l.down == down {
		log.Debug(down) //nolint:sloglint // one of three
	} else {
		log.Warn(down) //nolint:sloglint // one of three
	}
	l.up, l.coming, l.down = false, false, down
	l.tell(nil, nil)
}

func (n name) compare(m name) int {
	return cmp.Or(cmp.Compare(n.namespace, m.namespace), cmp.Compare(n.name, m.name))
}

func nameOf(p *Pod) name { return name{p.Meta.Namespace, p.Meta.Name} }
