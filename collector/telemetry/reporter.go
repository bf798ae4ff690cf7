// Package telemetry reports pulls by OpenTelemetry: live gauges while they run,
// histograms and one trace when they end, and log records of the turns in their
// lives. Names are from package semconv.
package telemetry

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/pulltrace/pulltrace/collector/pull"
	"github.com/pulltrace/pulltrace/semconv"
)

// Reporter records the updates that it is told with an [SDK].
type Reporter struct {
	// LayerMetrics tells whether layers have series of their own, which they have
	// if it is not changed before the first Report.
	LayerMetrics bool

	sdk         *SDK
	node        attribute.KeyValue
	labels      labels // of what is told of the node as a whole
	tracer      trace.Tracer
	logger      log.Logger
	instruments *instruments
	flusher     *flusher
	began       time.Time

	mu         sync.Mutex // guards all below: exports ask for it, too
	up         bool
	eventsUp   bool
	unread     int // namespaces
	pods       pull.PodWatch
	registries map[string]*registry
	images     map[imageKey]*image
	closing    bool              // series have ended, and were not closed yet
	over       map[pull.ID]bool  // its series have ended, the rest is told later
	counted    map[pull.ID]int64 // bytes that download.io has of a running pull
	failures   map[string]labels // of polls, by error type
	omitted    map[pull.Omitted]labels
}

// NewReporter makes the instruments. Close it before the SDK is shut down.
func NewReporter(sdk *SDK, id Identity) (*Reporter, error) { return newReporter(sdk, id, flushGap) }

func newReporter(sdk *SDK, id Identity, gap time.Duration) (*Reporter, error) {
	meter := sdk.Meters.Meter(semconv.Scope, metric.WithInstrumentationVersion(id.Version), metric.WithSchemaURL(semconv.SchemaURL))
	inst, err := newInstruments(meter)
	if err != nil {
		return nil, fmt.Errorf("instruments: %w", err)
	}
	node := id.Node.attribute()
	r := &Reporter{
		LayerMetrics: true,
		sdk:          sdk,
		node:         node,
		labels:       newLabels([]attribute.KeyValue{node}),
		tracer:       sdk.Tracers.Tracer(semconv.Scope, trace.WithInstrumentationVersion(id.Version), trace.WithSchemaURL(semconv.SchemaURL)),
		logger:       sdk.Loggers.Logger(semconv.Scope, log.WithInstrumentationVersion(id.Version), log.WithSchemaURL(semconv.SchemaURL)),
		instruments:  inst,
		began:        time.Now(),
		registries:   make(map[string]*registry),
		images:       make(map[imageKey]*image),
		over:         make(map[pull.ID]bool),
		counted:      make(map[pull.ID]int64),
		failures:     make(map[string]labels),
		omitted:      make(map[pull.Omitted]labels),
	}
	for _, kind := range pull.AllOmitted {
		r.omitted[kind] = newLabels([]attribute.KeyValue{node, semconv.LimitKindKey.String(string(kind))})
		r.omit(kind, 0) // an alert sees the first one only after a zero
	}
	if _, err := meter.RegisterCallback(r.observe, inst.observed()...); err != nil {
		return nil, fmt.Errorf("instruments: %w", err)
	}
	if err := observeFailures(meter, node, &sdk.Failures); err != nil {
		return nil, fmt.Errorf("instruments: %w", err)
	}
	r.flusher = newFlusher(gap, sdk.Flush, r.flushed, r.pending)
	if sdk.Closer != nil {
		sdk.Closer.OnDelivery(r.delivered)
	}
	return r, nil
}

// Close stops exports of the reporter's own accord, and waits for one that is under
// way until ctx is done. The one that is left, when the SDK is shut down, is the last
// of all live series.
func (r *Reporter) Close(ctx context.Context) {
	r.flusher.close(ctx)
	if r.sdk.Closer != nil {
		r.sdk.Closer.CloseAll()
	}
}

// Report takes note of an update.
func (r *Reporter) Report(u pull.Update) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.polled(u)
	roots := make(map[pull.ID]trace.SpanContext)
	for i := range u.Ended {
		p := &u.Ended[i]
		roots[p.ID] = r.ended(p)
	}
	for i := range u.Refused {
		r.refused(&u.Refused[i])
	}
	for i := range u.Active {
		r.countBytes(&u.Active[i])
	}
	for i := range u.Over {
		r.countBytes(&u.Over[i])
	}
	for _, c := range u.Changes {
		r.changed(c, roots[c.Pull.ID])
	}
	r.countRunning(u)
	r.setImages(u)
	if len(u.Started)+len(u.Over)+len(u.Ended) > 0 {
		r.flusher.flush()
	}
}

// omit counts what was left out.
func (r *Reporter) omit(kind pull.Omitted, n int) {
	r.instruments.limitOmitted.Add(context.Background(), int64(n), r.omitted[kind].add...)
}

// polled records whether the runtime answered, and what that took.
func (r *Reporter) polled(u pull.Update) {
	r.up, r.eventsUp, r.unread, r.pods = u.SourceUp, u.EventsUp, u.Unread, u.Pods
	for kind, n := range u.Omitted {
		r.omit(kind, n)
	}
	l := r.labels
	if u.Err != nil {
		why := pollError(u.Err)
		var found bool
		if l, found = r.failures[why.Value.AsString()]; !found {
			l = newLabels([]attribute.KeyValue{r.node, why})
			r.failures[why.Value.AsString()] = l
		}
	}
	r.instruments.pollDuration.Record(context.Background(), u.Took.Seconds(), l.record...)
}

// changed tells a turn in the life of a pull, as part of its root span if that was
// made.
func (r *Reporter) changed(c pull.Change, root trace.SpanContext) {
	if c.Kind == pull.Stalled {
		r.instruments.pullStalls.Add(context.Background(), 1, r.registry(c.Pull.Image.Registry).labels.add...)
	}
	if !root.IsValid() {
		root = rootOf(c.Pull)
	}
	r.tell(trace.ContextWithSpanContext(context.Background(), root), c)
}

// ended records what is told once of a pull, and returns its root span. A phase
// that it did not go through, or of which a bound is not known, is no duration
// of 0. One that nobody drives any more has neither an end nor a result that could
// be counted: it has a trace, and the bytes that it fetched.
func (r *Reporter) ended(p *pull.Pull) trace.SpanContext {
	r.countBytes(p)
	delete(r.counted, p.ID)
	g, inst := r.registry(p.Image.Registry), r.instruments
	ctx := pullSpans{r.tracer, p}.record(context.Background(), g.name)
	if p.Err == pull.ErrAbandoned {
		return trace.SpanContextFromContext(ctx)
	}
	inst.downloadWasted.Add(context.Background(), p.Wasted(), g.labels.add...)
	inst.hits.Add(context.Background(), p.Cached, g.labels.add...)
	inst.pullDuration.Record(ctx, p.End.Sub(p.Start).Seconds(), g.ending(p.Outcome, p.Err).record...)
	l := g.ending(p.Outcome, "").record
	inst.pullDownloaded.Record(ctx, p.Downloaded, l...)
	if !p.Resolved.IsZero() && !slices.Contains(p.Estimated, pull.ResolveEnd) {
		inst.resolveDuration.Record(ctx, p.Resolved.Sub(p.Start).Seconds(), l...)
	}
	if p.Waited >= 0 {
		inst.queueDuration.Record(ctx, p.Waited.Seconds(), l...)
	}
	if p.Queued >= 0 {
		inst.slotWaitDuration.Record(ctx, p.Queued.Seconds(), l...)
	}
	if took := p.DownloadTime().Seconds(); took > 0 {
		inst.downloadDuration.Record(ctx, took, l...)
		if p.Downloaded > 0 {
			inst.pullRate.Record(ctx, float64(p.Downloaded)/took, l...)
		}
	}
	if took := p.UnpackTime().Seconds(); took > 0 {
		inst.unpackDuration.Record(ctx, took, l...)
	}
	return trace.SpanContextFromContext(ctx)
}

// refused counts a pull that there was none of.
func (r *Reporter) refused(a *pull.Attempt) {
	l := r.registry(a.Waiter.Image.Registry()).refusal(a.Err)
	r.instruments.pullRefused.Add(context.Background(), 1, l.add...)
}

// countBytes adds what a pull has fetched since it was last counted. Of a pull
// that is older than this process, an earlier one has counted what came before.
func (r *Reporter) countBytes(p *pull.Pull) {
	before, known := r.counted[p.ID]
	if !known && p.Start.Before(r.began) {
		before = p.Downloaded
	}
	r.counted[p.ID] = max(before, p.Downloaded) // what was taken back is not counted again
	if more := p.Downloaded - before; more > 0 {
		r.instruments.downloadIO.Add(context.Background(), more, r.registry(p.Image.Registry).labels.add...)
	}
}
