package semconv

// Lifecycle events, which are log records with the pull's trace context.
const (
	// EventStarted is told when a pull is seen first.
	EventStarted = "pulltrace.pull.started"
	// EventStalled is told when a pull has not moved for longer than the threshold.
	EventStalled = "pulltrace.pull.stalled"
	// EventResumed is told when a stalled pull moves again.
	EventResumed = "pulltrace.pull.resumed"
	// EventFinished is told when a pull has ended and did not fail.
	EventFinished = "pulltrace.pull.finished"
	// EventFailed is told when a pull has failed.
	EventFailed = "pulltrace.pull.failed"
	// EventAbandoned is told when nobody drives a pull any more.
	EventAbandoned = "pulltrace.pull.abandoned"
)
