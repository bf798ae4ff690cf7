package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/trace"

	"github.com/pulltrace/pulltrace/collector/pull"
	"github.com/pulltrace/pulltrace/semconv"
)

// eventNames are the names of the lifecycle events.
var eventNames = map[pull.ChangeKind]string{
	pull.Started:  semconv.EventStarted,
	pull.Stalled:  semconv.EventStalled,
	pull.Resumed:  semconv.EventResumed,
	pull.Finished: semconv.EventFinished,
	pull.Failed:   semconv.EventFailed,

	pull.Abandoned: semconv.EventAbandoned,
}

// tell emits a turn in the life of a pull as a log record.
func (r *Reporter) tell(ctx context.Context, c pull.Change) {
	name, severity := eventNames[c.Kind], log.SeverityInfo
	if c.Kind.Worrying() {
		severity = log.SeverityWarn
	}
	if !r.logger.Enabled(ctx, log.EnabledParameters{Severity: severity, EventName: name}) {
		return
	}
	var record log.Record
	record.SetEventName(name)
	record.SetSeverity(severity)
	record.SetTimestamp(c.Time)
	record.SetObservedTimestamp(time.Now())
	record.AddAttributes(pullAttributes(c.Pull, r.registry(c.Pull.Image.Registry).name)...)
	r.logger.Emit(ctx, record)
}

// rootOf is the root span of a pull that still runs. Whether it will be sampled is
// not known before it ends.
func rootOf(p *pull.Pull) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: TraceID(p.ID), SpanID: spanID(p.ID)})
}
