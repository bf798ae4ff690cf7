package collector

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// Each update says whether the stream of events is open and whole.
func TestEventsAreUp(t *testing.T) {
	play(t, func(s *stage) {
		at := func(when string, want bool) {
			s.Helper()
			if got := s.reporter.last().EventsUp; got != want {
				s.Errorf("%s, the events are up: %t, want %t", when, got, want)
			}
		}
		at("at the start", false)
		s.source.set([]pull.Reading{{ID: pull.ID{Lease: "a"}, Created: time.Now()}}, nil) // so that it is polled each second
		time.Sleep(12 * time.Second)
		at("with an open stream", true)
		s.source.broken <- errors.New("the connection is gone")
		time.Sleep(900 * time.Millisecond)
		at("after it broke", false)
		time.Sleep(3 * time.Second)
		at("when it is open again", true)
		s.source.events <- pull.Event{Kind: pull.EventsLost, Lost: 7}
		time.Sleep(5 * time.Millisecond)
		at("after some were dropped", false)
		if got := s.reporter.omitted()[pull.OmittedEvents]; got != 7 {
			s.Errorf("%d events were left out, want 7", got)
		}
		time.Sleep(2 * time.Second)
		at("when none is dropped any more", true)
		s.source.set(nil, errors.New("no such socket"))
		time.Sleep(2 * time.Second)
		at("while the runtime does not answer", false)
	})
}

// That something was left out is logged once for each kind.
func TestWhatIsLeftOutIsLogged(t *testing.T) {
	play(t, func(s *stage) {
		for range 3 {
			s.source.events <- pull.Event{Kind: pull.EventsLost, Lost: 7}
			time.Sleep(time.Minute)
		}
		s.stop()
		if n := strings.Count(s.log.String(), "kind=event count=7"); n != 1 {
			s.Errorf("logged %d times, want once:\n%s", n, s.log)
		}
		if got := s.reporter.omitted()[pull.OmittedEvents]; got != 21 {
			s.Errorf("%d events were left out, want 21", got)
		}
	})
}

// Each update says how many namespaces could not be read.
func TestUnreadNamespacesAreCounted(t *testing.T) {
	play(t, func(s *stage) {
		s.source.setUnread(pull.Unread{Namespace: "builder", Err: errors.New("malformed time")})
		time.Sleep(11 * time.Second)
		if got := s.reporter.last().Unread; got != 1 {
			s.Errorf("%d namespaces are unread, want 1", got)
		}
		s.source.setUnread()
		time.Sleep(11 * time.Second)
		if got := s.reporter.last().Unread; got != 0 {
			s.Errorf("%d namespaces are unread, want 0", got)
		}
		s.stop()
		if n := strings.Count(s.log.String(), "namespace=builder"); n != 2 {
			s.Errorf("the namespace is logged %d times, want once when it cannot be read and once when it can:\n%s", n, s.log)
		}
	})
}

func (p *played) setUnread(unread ...pull.Unread) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unread = unread
}

// omitted is what all updates say was left out.
func (k *kept) omitted() map[pull.Omitted]int {
	k.mu.Lock()
	defer k.mu.Unlock()
	sum := make(map[pull.Omitted]int)
	for _, u := range k.updates {
		for kind, n := range u.Omitted {
			sum[kind] += n
		}
	}
	return sum
}
