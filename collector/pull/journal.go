package pull

import (
	"slices"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/limits"
)

// journal keeps recent events, because an event may come before the reading
// that says which pull it belongs to.
type journal struct {
	events map[mark][]Event // each list sorted by time
	order  []mark           // as they came, oldest first
}

// mark is what an event is about.
type mark struct {
	namespace string
	kind      EventKind
	digest    digest.Digest
}

// add keeps an event, and returns how many old ones were dropped for it.
func (j *journal) add(e Event) (dropped int) {
	if j.events == nil {
		j.events = make(map[mark][]Event)
	}
	m := mark{e.Namespace, e.Kind, e.Digest}
	list := j.events[m]
	at, _ := slices.BinarySearchFunc(list, e, func(a, b Event) int { return a.Time.Compare(b.Time) })
	for i := at; i < len(list) && list[i].Time.Equal(e.Time); i++ {
		if list[i] == e {
			return 0
		}
	}
	j.events[m] = slices.Insert(list, at, e)
	j.order = append(j.order, m)
	if len(j.order) > limits.Events {
		j.drop(j.order[0])
		j.order = j.order[1:]
		dropped = 1
	}
	return dropped
}

// drop forgets the oldest event of m.
func (j *journal) drop(m mark) {
	if rest := j.events[m][1:]; len(rest) > 0 {
		j.events[m] = rest
	} else {
		delete(j.events, m)
	}
}

// between returns the events about m from one time to another, both included.
func (j *journal) between(m mark, from, to time.Time) []Event {
	list := j.events[m]
	lo := 0
	for lo < len(list) && list[lo].Time.Before(from) {
		lo++
	}
	hi := lo
	for hi < len(list) && !list[hi].Time.After(to) {
		hi++
	}
	return list[lo:hi]
}

// first is the time of the first event about m in a span of time, or zero.
func (j *journal) first(m mark, from, to time.Time) time.Time {
	if found := j.between(m, from, to); len(found) > 0 {
		return found[0].Time
	}
	return time.Time{}
}

// last is the time of the last event about m in a span of time, or zero.
func (j *journal) last(m mark, from, to time.Time) time.Time {
	if found := j.between(m, from, to); len(found) > 0 {
		return found[len(found)-1].Time
	}
	return time.Time{}
}

// forget drops the events that are not to be kept.
func (j *journal) forget(keeps func(m mark, at time.Time) bool) {
	keep := j.order[:0]
	for _, m := range j.order {
		if keeps(m, j.events[m][0].Time) {
			keep = append(keep, m)
		} else {
			j.drop(m)
		}
	}
	clear(j.order[len(keep):])
	j.order = keep
}
