package judge

import "time"

// Outcomes of pulls, as they stand on spans.
const (
	Success = "success"
	Failure = "failure"
	Unknown = "unknown"
)

// Image is an image in one namespace of containerd. No two stories share one.
type Image struct {
	Namespace string
	Root      string   // digest
	Manifest  string   // digest of the manifest below an index
	Names     []string // any of which its pulls may be told by
	Size      int64    // bytes of config and layers
	Most      int64    // bytes that all its pulls can have fetched: what was served
	Least     int64    // bytes that they must have fetched together
}

// Pull is a pull as its client and the registry know it.
type Pull struct {
	Image *Image
	What  string // how complaints call it

	// Times are by a clock that is never set.
	Start, End time.Duration
	Seen       time.Duration // when containerd first had something of it to show; 0 where it never had
	Until      time.Duration // by when it is known how it has ended, End if zero

	Outcomes    []string // any of which it may be told with
	Nameless    bool     // its name may be unknown
	Unsure      bool     // its times or its record are another one's: it may be told with any outcome and bytes
	Unseen      bool     // nobody could look at it: bytes of an earlier one may be told as its own
	Hidden      bool     // nobody could look at it, and another pull of its image may stand in its place
	Least, Most int64    // bytes that it can have fetched
	Layers      int
}

// Span is the root span of a pull, as it arrived.
type Span struct {
	Trace, ID  string
	Namespace  string
	Root, Name string
	Outcome    string
	Downloaded int64
	Guessed    int           // layers whose bytes are told as estimated
	Lost       bool          // the bytes of the pull are told as estimated
	Start, End time.Duration // by a clock that may have been set
	Estimated  string        // all that is
}

// Effect is what something that was wrong did to whoever watches.
type Effect string

// The effects.
const (
	Away  Effect = "Pulltrace did not run"
	Down  Effect = "containerd did not run"
	Deaf  Effect = "no event came"
	Blind Effect = "calls did not pass, or only slowly"
	Full  Effect = "the disk was full"
	Lost  Effect = "the receiver took no spans"
	Busy  Effect = "the machine was late"
	Clock Effect = "the clock was set"
	Flood Effect = "image records were written by the hundred"
)

// Unseen tells that a pull from one time to another was in none that anybody could look at.
func Unseen(windows []Window, from, to time.Duration) bool {
	return within(windows, from, to, Blind, Busy) || within(windows, from, to, Deaf)
}

// Window is a time in which something was wrong.
type Window struct {
	Fault    string
	Effect   Effect
	From, To time.Duration
}
