package pull

import "time"

// commitEvents is what is known of the events that tell of commits.
type commitEvents struct {
	told  bool      // the runtime tells of each
	since time.Time // the first look
	lost  time.Time // when the stream of events broke last
}

// eventsAgain is how long it takes at most until a stream of events that broke is open again,
// with a runtime that answers.
const eventsAgain = 3 * time.Second

// whole tells whether the events of all commits since a time have come.
func (c *commitEvents) whole(since time.Time) bool {
	return c.told && since.After(c.since) && since.After(c.lost.Add(eventsAgain))
}
