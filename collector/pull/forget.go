package pull

import (
	"maps"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/limits"
)

// What a Tracker remembers depends on what runs now, not on how much has ended since the
// oldest pull began: one that is stalled may be there for a day. Of what is older than
// recent, only that is kept which a running pull may still ask for.

const (
	// forgetGap is how often the Tracker drops what nobody can ask for.
	forgetGap = 10 * time.Second
	// recent is the age up to which all is kept: an event may come before the reading that
	// says which pull it belongs to.
	recent = time.Minute
	// rememberEnded is how long an ended pull that the runtime no longer lists is
	// remembered, so that a late observation does not bring it back.
	rememberEnded = 10 * time.Minute
)

// need is what the running pulls may still ask for of what is past.
type need struct {
	since   time.Time              // all that is younger is kept
	digests map[claimKey]time.Time // of running pulls: since when they run
	unnamed map[string]time.Time   // namespaces of running pulls whose blobs are not known yet: since when
}

// needs are those of the running pulls.
func (t *Tracker) needs(now time.Time) need {
	n := need{now.Add(-recent), make(map[claimKey]time.Time), make(map[string]time.Time)}
	for _, h := range t.pulls {
		name := h.id.Namespace
		if h.manifest == nil {
			if since, found := n.unnamed[name]; !found || h.created.Before(since) {
				n.unnamed[name] = h.created
			}
		}
		for _, d := range append([]digest.Digest{h.image.Root}, h.alsoRoots...) {
			n.add(claimKey{name, d, false}, h.created)
		}
		for d := range h.blobs {
			n.add(claimKey{name, d, false}, h.created)
		}
		for id := range h.chains {
			n.add(claimKey{name, id, true}, h.created)
		}
	}
	return n
}

func (n *need) add(key claimKey, since time.Time) {
	if before, found := n.digests[key]; !found || since.Before(before) {
		n.digests[key] = since
	}
}

// has tells whether a running pull may ask for what happened to a blob or a chain at a time.
func (n *need) has(key claimKey, at time.Time) bool {
	if !at.Before(n.since) {
		return true
	}
	if since, unnamed := n.unnamed[key.namespace]; unnamed && !at.Before(since) {
		return true
	}
	since, found := n.digests[key]
	return found && !at.Before(since)
}

// hasEvent is has for an event.
func (n *need) hasEvent(m mark, at time.Time) bool {
	chain := m.kind == SnapshotPrepared || m.kind == SnapshotCommitted || m.kind == SnapshotRemoved
	return n.has(claimKey{m.namespace, m.digest, chain}, at)
}

// forget drops what no running or coming pull can ask for, but not at each observation.
func (t *Tracker) forget(now time.Time) {
	if passed := now.Sub(t.forgot); passed >= 0 && passed < forgetGap {
		return
	}
	t.forgot = now
	n := t.needs(now)
	t.journal.forget(n.hasEvent)
	maps.DeleteFunc(t.used, func(e Event, _ bool) bool { return !n.hasEvent(mark{e.Namespace, e.Kind, e.Digest}, e.Time) })
	t.forgetClaims(n)
	t.forgetPast(n.since)
	t.forgetEnded(now)
	maps.DeleteFunc(t.again, func(id ID, times int) bool {
		id.Again = times
		return t.pulls[id] == nil && t.ended[id].IsZero()
	})
	maps.DeleteFunc(t.doubted, func(_ ID, blobs map[digest.Digest]time.Time) bool {
		maps.DeleteFunc(blobs, func(_ digest.Digest, since time.Time) bool { return now.Sub(since) > rememberEnded })
		return len(blobs) == 0
	})
	maps.DeleteFunc(t.abandoned, func(id ID, _ *history) bool { return t.ended[id].IsZero() })
}

func (t *Tracker) forgetClaims(n need) {
	drop := func(n need) {
		maps.DeleteFunc(t.claims, func(key claimKey, c claim) bool {
			_, running := t.pulls[c.by]
			return !running && !n.has(key, c.committed)
		})
	}
	if drop(n); len(t.claims) > limits.Claims {
		n.unnamed = nil // a pull whose manifest does not come may take for its own what another one brought
		drop(n)
	}
}

// forgetPast drops the downloads that had ended before each one was opened of which it is not
// settled when it got its slot.
func (t *Tracker) forgetPast(oldest time.Time) {
	for _, h := range t.pulls {
		for _, tr := range h.transfers(t.givenUp(h)) {
			if !tr.settled {
				oldest = earlier(oldest, tr.opened)
			}
		}
	}
	t.past = slices.DeleteFunc(t.past, func(p *transfer) bool { return p.end.Before(oldest) })
	if more := len(t.past) - limits.Downloads; more > 0 {
		slices.SortFunc(t.past, func(a, b *transfer) int { return a.end.Compare(b.end) })
		t.past = slices.Delete(t.past, 0, more)
	}
}

func (t *Tracker) forgetEnded(now time.Time) {
	after := rememberEnded
	if len(t.ended) > limits.EndedPulls {
		after = recent
	}
	maps.DeleteFunc(t.ended, func(_ ID, last time.Time) bool { return now.Sub(last) > after })
}
