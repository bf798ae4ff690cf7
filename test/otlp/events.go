package otlp

import (
	"encoding/hex"
	"time"
)

// Event is a log record as it arrived.
type Event struct {
	Name            string // empty where the record is no event
	TraceID, SpanID string // in hex
	Time            time.Time
	Severity        string
	Body            any // nil where it is empty
	Attributes      Attributes

	Resource Attributes
	Scope    Scope
	Arrived  time.Time
}

// Events returns the log records with this event name, or all where name is
// empty, in order of arrival.
func (r *Receiver) Events(name string) []Event {
	var out []Event
	for _, a := range r.Logs() {
		for _, rl := range a.Request.GetResourceLogs() {
			resource := attributesOf(rl.GetResource().GetAttributes())
			for _, sl := range rl.GetScopeLogs() {
				for _, l := range sl.GetLogRecords() {
					if name != "" && l.GetEventName() != name {
						continue
					}
					out = append(out, Event{
						Name:       l.GetEventName(),
						TraceID:    hex.EncodeToString(l.GetTraceId()),
						SpanID:     hex.EncodeToString(l.GetSpanId()),
						Time:       unixNano(l.GetTimeUnixNano()),
						Severity:   l.GetSeverityNumber().String(),
						Body:       valueOf(l.GetBody()),
						Attributes: attributesOf(l.GetAttributes()),
						Resource:   resource,
						Scope:      scopeOf(sl),
						Arrived:    a.Time,
					})
				}
			}
		}
	}
	return out
}
