package collector

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// played is a source whose answers a test decides.
type played struct {
	mu     sync.Mutex
	pulls  []pull.Reading
	err    error
	takes  time.Duration // to answer
	slots  int
	unread []pull.Unread
	polls  []time.Time
	events chan pull.Event
	broken chan error // ends the stream of events
}

func (p *played) Observe(context.Context) (pull.Observation, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := time.Now()
	p.polls = append(p.polls, asked)
	time.Sleep(p.takes)
	return pull.Observation{Asked: asked, Time: time.Now(), Pulls: p.pulls, Slots: p.slots, Unread: p.unread}, p.err
}

func (p *played) Watch(ctx context.Context, emit func(pull.Event)) error {
	for {
		select {
		case e := <-p.events:
			emit(e)
		case err := <-p.broken:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *played) set(pulls []pull.Reading, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pulls, p.err = pulls, err
}

// slow makes each answer take so long.
func (p *played) slow(takes time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.takes = takes
}

// polled is how often the source was asked since a time.
func (p *played) polled(since time.Time) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range p.polls {
		if !at.Before(since) {
			n++
		}
	}
	return n
}

// playedPods are pods that a test lets wait.
type playedPods chan pull.Waiting

func (p playedPods) Watch(ctx context.Context, emit func(pull.Waiting)) {
	for {
		select {
		case w := <-p:
			emit(w)
		case <-ctx.Done():
			return
		}
	}
}

// kept is a reporter that keeps what it is told.
type kept struct {
	mu      sync.Mutex
	updates []pull.Update
}

func (k *kept) Report(u pull.Update) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.updates = append(k.updates, u)
}

func (k *kept) last() pull.Update {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.updates[len(k.updates)-1]
}

func (k *kept) ended() (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, u := range k.updates {
		n += len(u.Ended)
	}
	return n
}

// stage is a running collector in a bubble with a clock of its own.
type stage struct {
	*testing.T

	source   *played
	pods     chan pull.Waiting
	reporter *kept
	log      *bytes.Buffer
	stop     func() // ends the collector
}

func play(t *testing.T, test func(*stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		source, reporter := &played{events: make(chan pull.Event), broken: make(chan error)}, &kept{}
		pods, log := make(playedPods), &bytes.Buffer{}
		c := New(Config{
			PollInterval: time.Second, IdleInterval: 10 * time.Second, StallThreshold: time.Minute,
			Pods: pods, Logger: slog.New(slog.NewTextHandler(log, nil)),
		}, source, reporter)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { c.Run(ctx) })
		stop := func() { cancel(); running.Wait() }
		defer stop()
		synctest.Wait()
		test(&stage{t, source, pods, reporter, log, stop})
	})
}

func TestPollsRarelyWhileIdle(t *testing.T) {
	play(t, func(s *stage) {
		since := time.Now().Add(time.Nanosecond)
		time.Sleep(time.Minute + time.Second)
		if got := s.source.polled(since); got != 6 {
			s.Errorf("%d polls in a minute without a pull, want 6", got)
		}
	})
}

func TestEventWakesThePoll(t *testing.T) {
	play(t, func(s *stage) {
		time.Sleep(time.Second)
		since := time.Now()
		s.source.events <- pull.Event{Kind: pull.BlobCommitted}
		time.Sleep(echoDelay + time.Millisecond)
		if got := s.source.polled(since); got != 2 {
			s.Errorf("%d polls after an event, want 2: at once and again a moment later", got)
		}
	})
}

func TestBurstOfEventsIsFewPolls(t *testing.T) {
	play(t, func(s *stage) {
		time.Sleep(time.Second)
		since := time.Now()
		for range 1000 {
			s.source.events <- pull.Event{Kind: pull.BlobCommitted}
			time.Sleep(100 * time.Microsecond)
		}
		if got := s.source.polled(since); got > 11 {
			s.Errorf("%d polls in 100 ms, want at most one each %s", got, eventGap)
		}
	})
}

func TestPollsOftenWhileAPullRuns(t *testing.T) {
	play(t, func(s *stage) {
		s.source.set([]pull.Reading{{ID: pull.ID{Lease: "a"}, Created: time.Now()}}, nil)
		time.Sleep(10 * time.Second)
		since := time.Now()
		time.Sleep(10 * time.Second)
		if got := s.source.polled(since); got < 10 || got > 11 {
			s.Errorf("%d polls in 10 s with a pull, want 10", got)
		}
		if u := s.reporter.last(); len(u.Active) != 1 || !u.SourceUp {
			s.Errorf("told %+v, want one running pull", u)
		}
	})
}

func TestSourceGoesAndComes(t *testing.T) {
	play(t, func(s *stage) {
		s.source.set([]pull.Reading{{ID: pull.ID{Lease: "a"}, Created: time.Now()}}, nil)
		time.Sleep(11 * time.Second)
		s.source.set(nil, errors.New("no such socket"))
		time.Sleep(2 * time.Second)
		if u := s.reporter.last(); u.SourceUp || len(u.Active) != 1 {
			s.Errorf("told up %t, %d pulls; want down, and the pull still there", u.SourceUp, len(u.Active))
		}
		s.source.set([]pull.Reading{{ID: pull.ID{Lease: "a"}}}, nil)
		time.Sleep(2 * time.Second)
		if u := s.reporter.last(); !u.SourceUp || len(u.Active) != 1 || s.reporter.ended() != 0 {
			s.Errorf("told up %t, %d pulls, %d ended; want up, 1, 0", u.SourceUp, len(u.Active), s.reporter.ended())
		}
	})
}

// Reporters are told what a poll cost, and why it failed.
func TestPollIsTold(t *testing.T) {
	play(t, func(s *stage) {
		s.source.slow(30 * time.Millisecond)
		time.Sleep(11 * time.Second)
		if u := s.reporter.last(); u.Took != 30*time.Millisecond || u.Err != nil {
			s.Errorf("told %s, %v; want 30 ms and no error", u.Took, u.Err)
		}
		broken := errors.New("no such socket")
		s.source.set(nil, broken)
		time.Sleep(10 * time.Second)
		if u := s.reporter.last(); u.Took != 30*time.Millisecond || !errors.Is(u.Err, broken) {
			s.Errorf("told %s, %v; want 30 ms and the error", u.Took, u.Err)
		}
	})
}

// A pull that ends between the last poll and the end of Run is told.
func TestLastLook(t *testing.T) {
	play(t, func(s *stage) {
		s.source.set([]pull.Reading{{ID: pull.ID{Lease: "a"}, Created: time.Now()}}, nil)
		time.Sleep(10*time.Second + 500*time.Millisecond)
		s.source.set(nil, nil)
		s.stop()
		if got := s.reporter.ended(); got != 1 {
			s.Errorf("%d pulls told as ended, want 1", got)
		}
	})
}

func TestRunningPullIsNotToldAtTheEnd(t *testing.T) {
	play(t, func(s *stage) {
		s.source.set([]pull.Reading{{ID: pull.ID{Lease: "a"}, Created: time.Now()}}, nil)
		time.Sleep(11 * time.Second)
		s.stop()
		if got := s.reporter.ended(); got != 0 {
			s.Errorf("%d pulls told as ended, want 0", got)
		}
	})
}

// What pods wait for is told at once, though nothing is polled for 10 s otherwise.
func TestPodsWakeThePoll(t *testing.T) {
	play(t, func(s *stage) {
		time.Sleep(time.Second)
		web := pull.Waiter{Pod: pull.Pod{UID: "1"}, Container: "main"}
		s.pods <- pull.Waiting{Time: time.Now(), Up: true, Failed: []pull.Attempt{{Waiter: web, Time: time.Now(), Err: pull.ErrNotFound}}}
		time.Sleep(echoDelay)
		u := s.reporter.last()
		if len(u.Refused) != 1 || u.Pods != (pull.PodWatch{On: true, Up: true}) {
			s.Errorf("told %+v, want one refused pull and pods that are watched", u)
		}
	})
}

// A pull that waits for its reason when Run ends is told without.
func TestUnexplainedAtTheEnd(t *testing.T) {
	play(t, func(s *stage) {
		image := pull.Image{Name: "docker.io/library/nginx", Root: "sha256:aa"}
		web := pull.Waiter{Pod: pull.Pod{UID: "1"}, Container: "main", Image: pull.Reference{Name: image.Name, Tag: "1"}}
		s.pods <- pull.Waiting{Time: time.Now(), Up: true, Waiters: []pull.Waiter{web}}
		s.source.set([]pull.Reading{{ID: pull.ID{Lease: "a"}, Created: time.Now(), Image: image, Orchestrated: true}}, nil)
		time.Sleep(11 * time.Second)
		s.source.set(nil, nil)
		time.Sleep(3 * time.Second)
		if got := s.reporter.ended(); got != 0 {
			s.Errorf("%d pulls told as ended before it is known why", got)
		}
		s.stop()
		if got := s.reporter.ended(); got != 1 {
			s.Errorf("%d pulls told as ended, want 1", got)
		}
	})
}
