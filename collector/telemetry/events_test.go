package telemetry

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	standard "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/pulltrace/pulltrace/collector/pull"
	"github.com/pulltrace/pulltrace/semconv"
)

// Each turn in the life of a pull is a log record in the pull's trace.
func TestLifecycleEvents(t *testing.T) {
	r := newRecorded(t)
	p, failed, done, dead := running("a", 250), ended("a", pull.Failure, 250), ended("b", pull.Success, 1000), ended("c", pull.Unknown, 100)
	dead.Err = pull.ErrAbandoned
	r.Report(pull.Update{Time: at(3), SourceUp: true, Started: []pull.Pull{p}, Active: []pull.Pull{p}, Changes: []pull.Change{
		{Kind: pull.Started, Time: at(1), Pull: &p},
		{Kind: pull.Stalled, Time: at(2), Pull: &p},
		{Kind: pull.Resumed, Time: at(3), Pull: &p},
	}})
	r.Report(pull.Update{Time: at(11), SourceUp: true, Ended: []pull.Pull{failed, done, dead}, Changes: []pull.Change{
		{Kind: pull.Failed, Time: at(10), Pull: &failed},
		{Kind: pull.Finished, Time: at(10), Pull: &done},
		{Kind: pull.Abandoned, Time: at(10), Pull: &dead},
	}})
	type event struct {
		name     string
		severity log.Severity
		time     time.Time
		pull     *pull.Pull
	}
	want := []event{
		{semconv.EventStarted, log.SeverityInfo, at(1), &p},
		{semconv.EventStalled, log.SeverityWarn, at(2), &p},
		{semconv.EventResumed, log.SeverityInfo, at(3), &p},
		{semconv.EventFailed, log.SeverityWarn, at(10), &failed},
		{semconv.EventFinished, log.SeverityInfo, at(10), &done},
		{semconv.EventAbandoned, log.SeverityInfo, at(10), &dead},
	}
	if len(r.logs.records) != len(want) {
		t.Fatalf("%d records, want %d", len(r.logs.records), len(want))
	}
	for i, w := range want {
		got := r.logs.records[i]
		if got.EventName() != w.name || got.Severity() != w.severity || !got.Timestamp().Equal(w.time) {
			t.Errorf("record %d is %s, %s at %s; want %s, %s at %s", i, got.EventName(), got.Severity(), got.Timestamp(), w.name, w.severity, w.time)
		}
		if got.TraceID() != TraceID(w.pull.ID) || got.SpanID() != spanID(w.pull.ID) {
			t.Errorf("%s is in trace %s and span %s, want those of its pull", w.name, got.TraceID(), got.SpanID())
		}
		if got.Body().Type() != attribute.EMPTY {
			t.Errorf("%s has the body %v, want none", w.name, got.Body())
		}
		attrs := map[attribute.Key]attribute.Value{}
		got.WalkAttributes(func(kv attribute.KeyValue) bool { attrs[kv.Key] = kv.Value; return true })
		if name := attrs[standard.ContainerImageNameKey].AsString(); name != w.pull.Image.Name {
			t.Errorf("%s is of image %q, want %q", w.name, name, w.pull.Image.Name)
		}
		if outcome := attrs[semconv.OutcomeKey].AsString(); outcome != string(w.pull.Outcome) {
			t.Errorf("%s has outcome %q, want %q", w.name, outcome, w.pull.Outcome)
		}
		if why := attrs[standard.ErrorTypeKey].AsString(); why != string(w.pull.Err) {
			t.Errorf("%s has error.type %q, want %q", w.name, why, w.pull.Err)
		}
	}
}

// Every turn has a name.
func TestEveryChangeIsAnEvent(t *testing.T) {
	for _, kind := range pull.ChangeKinds {
		if eventNames[kind] == "" {
			t.Errorf("%s has no event", kind)
		}
	}
}

func TestScope(t *testing.T) {
	r := newRecorded(t)
	done := ended("a", pull.Success, 1000)
	r.Report(pull.Update{Time: at(11), SourceUp: true, Ended: []pull.Pull{done}, Changes: []pull.Change{{Kind: pull.Finished, Pull: &done}}})
	for signal, got := range map[string][3]string{
		"metrics": r.scope(t),
		"spans":   {r.spans.GetSpans()[0].InstrumentationScope.Name, r.spans.GetSpans()[0].InstrumentationScope.Version, r.spans.GetSpans()[0].InstrumentationScope.SchemaURL},
		"logs":    {r.logs.records[0].InstrumentationScope().Name, r.logs.records[0].InstrumentationScope().Version, r.logs.records[0].InstrumentationScope().SchemaURL},
	} {
		if want := [3]string{semconv.Scope, "1.2.3", semconv.SchemaURL}; got != want {
			t.Errorf("the scope of %s is %q, want %q", signal, got, want)
		}
	}
}
