package peers

import (
	"net/http"
	"time"
)

// In seconds.
const (
	// clock is how far a time that is told of a pull may be from another clock's.
	clock = 0.2
	// opening and writing are how long containerd may take, when the registry is done, to
	// open an ingest and to commit one on a busy disk.
	opening, writing = 2, 0.5
)

// resolving is how long the pull may have resolved: until the root's ingest was opened,
// between the answer with its digest and the request for it, which may wait for a slot.
func (p pulled) resolving() between {
	resolved := p.resolved().Sub(p.Start).Seconds()
	return between{resolved - clock, resolved + min(p.waiting().Seconds(), opening) + clock}
}

// queueing is how long the pull may have waited for a slot, from that ingest on.
func (p pulled) queueing() between {
	waiting := p.waiting().Seconds()
	return between{max(0, waiting-opening), waiting + clock}
}

// fetching is how long blobs of the pull may have been on their way.
func (p pulled) fetching() between {
	served := p.downloading().Seconds()
	return between{served - clock, served + writing}
}

// resolved is when the registry had told the digest that the tag stands for.
func (p pulled) resolved() time.Time {
	for _, req := range p.requests {
		if req.Method == http.MethodHead {
			return req.End
		}
	}
	return time.Time{}
}

// firstBlob is when the pull first asked for config or layer.
func (p pulled) firstBlob() time.Time {
	for _, req := range p.requests {
		if req.Blob {
			return req.Start
		}
	}
	return time.Time{}
}

// downloading is how long the registry served the pull at least one blob.
func (p pulled) downloading() (sum time.Duration) {
	var until time.Time
	for _, req := range p.requests { // by their start
		if !req.Blob || !req.End.After(until) {
			continue
		}
		from := req.Start
		if from.Before(until) {
			from = until
		}
		sum += req.End.Sub(from)
		until = req.End
	}
	return sum
}

// waiting is how long the pull knew what to ask for and asked for nothing.
func (p pulled) waiting() time.Duration {
	for _, req := range p.requests {
		if req.Method == http.MethodGet {
			return req.Start.Sub(p.resolved())
		}
	}
	return 0
}
