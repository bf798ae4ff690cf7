// Package collector runs Pulltrace: it polls a [Source] for what the runtime
// shows, lets the tracker make pulls of it, and hands them to the [Reporter]s.
//
// Everything flows one way: source, tracker, reporters.
package collector

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/pulltrace/pulltrace/collector/limits"
	"github.com/pulltrace/pulltrace/collector/pull"
)

// Source watches the pulls of one container runtime. It only reads.
type Source interface {
	// Observe asks the runtime what it shows of its pulls now.
	Observe(ctx context.Context) (pull.Observation, error)

	// Watch hands each event of the runtime to emit, in order, until ctx is
	// done or the stream breaks. It never returns nil.
	Watch(ctx context.Context, emit func(pull.Event)) error
}

// Reporter is told of every poll. Report is called from the poll loop and must
// not block. The pulls that it is handed are its own to keep, but not to change.
type Reporter interface {
	Report(pull.Update)
}

// Pods watches the pods of this node that wait for an image. It only reads.
type Pods interface {
	// Watch hands to emit, in order, what the orchestrator shows whenever that
	// changes, until ctx is done. That the orchestrator does not answer is told, and
	// ends nothing.
	Watch(ctx context.Context, emit func(pull.Waiting))
}

// Config is how to watch.
type Config struct {
	PollInterval   time.Duration // while there is a pull
	IdleInterval   time.Duration // while there is none; an event wakes the poll at once
	StallThreshold time.Duration // without movement, after which a pull is stalled
	Pods           Pods          // nil without an orchestrator
	Logger         *slog.Logger
}

// Collector is a Source, a tracker and Reporters, and the loop that drives them.
type Collector struct {
	config    Config
	source    Source
	reporters []Reporter
	tracker   *pull.Tracker

	events chan pull.Event
	pods   chan pull.Waiting
	up     bool
	asked  bool            // the source was polled before
	unread map[string]bool // namespaces that could not be read
	slots  int             // more than configured, as logged

	streaming atomic.Pointer[time.Time] // since when the event stream is open, nil while it is not
	omitted   map[pull.Omitted]bool     // that something was left out, as logged
}

// What comes while a poll runs is taken by these.
const (
	eventBuffer = 1024
	podsBuffer  = 16
)

// New returns a Collector that is ready to Run.
func New(config Config, source Source, reporters ...Reporter) *Collector {
	return &Collector{
		config:    config,
		source:    source,
		reporters: reporters,
		tracker:   pull.NewTracker(config.StallThreshold),
		events:    make(chan pull.Event, eventBuffer),
		pods:      make(chan pull.Waiting, podsBuffer),
		omitted:   make(map[pull.Omitted]bool),
	}
}

const (
	// eventGap is the least time between polls, however many events come.
	eventGap = 10 * time.Millisecond
	// echoDelay is when to look again after an event: labels and the end of a
	// lease follow it, and have no event of their own.
	echoDelay = 50 * time.Millisecond
)

// lastLook bounds the look that Run takes at its end.
const lastLook = time.Second

// Run watches until ctx is done, and then looks once more, for the pulls that
// have just ended. Pulls that still run are not told: whoever watches next sees
// them whole.
func (c *Collector) Run(ctx context.Context) {
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go c.watch(watching)
	if c.config.Pods != nil {
		go c.config.Pods.Watch(watching, func(w pull.Waiting) {
			select {
			case c.pods <- w:
			case <-watching.Done():
			}
		})
	}
	c.loop(ctx)

	last, cancel := context.WithTimeout(watching, lastLook)
	defer cancel()
	c.tracker.Close()
	for c.poll(last) == echoDelay {
		time.Sleep(echoDelay)
	}
}

// loop polls at the intervals, and sooner when an event comes or pods wait that did
// not.
func (c *Collector) loop(ctx context.Context) {
	next := time.NewTimer(0)
	defer next.Stop()
	var polled time.Time
	var took time.Duration
	woken := false
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-c.events:
			c.tracker.Event(e)
			woken = true
			if wait := gap(took) - time.Since(polled); wait > 0 {
				next.Reset(wait)
				continue
			}
		case w := <-c.pods:
			c.tracker.Wait(w)
		case <-next.C:
		}
		began := time.Now()
		wait := c.poll(ctx)
		polled = time.Now()
		took = polled.Sub(began)
		if woken {
			wait = min(wait, max(echoDelay, gap(took)))
		}
		woken = false
		next.Reset(wait)
	}
}

// gap is the least time between polls when events come: as long as the last one took.
func gap(took time.Duration) time.Duration { return max(eventGap, min(took, limits.EventPause)) }

// drain takes the events that have come.
func (c *Collector) drain() {
	for {
		select {
		case e := <-c.events:
			c.tracker.Event(e)
		case w := <-c.pods:
			c.tracker.Wait(w)
		default:
			return
		}
	}
}

// poll asks the source once, reports, and tells when to ask again: after
// echoDelay where a pull has ended and is not told yet.
func (c *Collector) poll(ctx context.Context) (wait time.Duration) {
	asked := time.Now()
	o, err := c.source.Observe(ctx)
	took := time.Since(asked)
	if ctx.Err() != nil && err != nil {
		return 0 // the source reads again what this look had read
	}
	c.noteSource(err)
	c.noteUnread(ctx, o.Unread)
	u := c.update(o, err)
	c.noteSlots(u)
	c.noteOmitted(u)
	u.Took, u.Err, u.Unread = took, err, len(o.Unread)
	u.EventsUp = u.SourceUp && u.Omitted[pull.OmittedEvents] == 0 && c.isStreaming()
	for _, r := range c.reporters {
		r.Report(u)
	}
	switch {
	case u.Settling:
		return echoDelay
	case len(u.Active) > 0 || o.Candidates > 0 || err != nil:
		return c.config.PollInterval
	default:
		return c.config.IdleInterval
	}
}

// update hands to the tracker what was observed, and the events that led to it
// before.
func (c *Collector) update(o pull.Observation, err error) pull.Update {
	c.drain()
	if err != nil {
		return c.tracker.Unobserved(time.Now())
	}
	return c.tracker.Observe(o)
}

// noteSource logs when the runtime goes and comes, not every failed poll.
func (c *Collector) noteSource(err error) {
	up := err == nil
	switch {
	case up && !c.up:
		c.config.Logger.Info("container runtime answers")
	case !up && (c.up || !c.asked):
		c.config.Logger.Warn("container runtime does not answer", "error", err)
	case !up:
		c.config.Logger.Debug("container runtime does not answer", "error", err)
	}
	c.up, c.asked = up, true
}

// noteUnread logs when a namespace cannot be read, and when it can again.
func (c *Collector) noteUnread(ctx context.Context, unread []pull.Unread) {
	now := make(map[string]bool, len(unread))
	for _, u := range unread {
		if ctx.Err() != nil {
			return
		}
		now[u.Namespace] = true
		if !c.unread[u.Namespace] {
			c.config.Logger.Warn("namespace cannot be read: nothing is known of its pulls", "namespace", u.Namespace, "error", u.Err)
		}
	}
	for name := range c.unread {
		if !now[name] {
			c.config.Logger.Info("namespace can be read again", "namespace", name)
		}
	}
	c.unread = now
}

// noteSlots logs once that more downloads run at once than is configured.
func (c *Collector) noteSlots(u pull.Update) {
	if c.slots > 0 || u.Slots <= u.SlotsConfigured {
		return
	}
	c.slots = u.Slots
	c.config.Logger.Warn("more downloads run at once than --max-concurrent-downloads says; set it as containerd has it",
		"configured", u.SlotsConfigured, "seen", u.Slots)
}

// noteOmitted logs once of each kind that something was left out.
func (c *Collector) noteOmitted(u pull.Update) {
	for kind, n := range u.Omitted {
		if !c.omitted[kind] {
			c.omitted[kind] = true
			c.config.Logger.Warn("more than Pulltrace keeps: some are left out, which pulltrace.limit.omitted counts from now on",
				"kind", kind, "count", n)
		}
	}
}

// isStreaming tells whether the event stream is open. One that has just been opened may turn
// out to be refused.
func (c *Collector) isStreaming() bool {
	since := c.streaming.Load()
	return since != nil && time.Since(*since) >= watchAgain
}

// watchAgain is how long to wait before a broken event stream is opened again.
const watchAgain = time.Second

// lastingStream is how long an event stream lasts whose end is worth a warning: one that
// cannot be opened at all would bring one each second.
const lastingStream = 10 * time.Second

// watch keeps the event stream open.
func (c *Collector) watch(ctx context.Context) {
	level := slog.LevelWarn
	for ctx.Err() == nil {
		began := time.Now()
		c.streaming.Store(&began)
		err := c.source.Watch(ctx, func(e pull.Event) {
			select {
			case c.events <- e:
			case <-ctx.Done():
			}
		})
		c.streaming.Store(nil)
		if time.Since(began) > lastingStream {
			level = slog.LevelWarn
		}
		if ctx.Err() == nil {
			c.config.Logger.Log(ctx, level, "event stream of the container runtime ended; times are less exact until it is open again", "error", err)
		}
		level = slog.LevelDebug
		select {
		case c.events <- pull.Event{Time: time.Now().Round(0), Kind: pull.EventsLost}:
		case <-ctx.Done():
		}
		select {
		case <-ctx.Done():
		case <-time.After(watchAgain):
		}
	}
}
