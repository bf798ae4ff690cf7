//go:build linux

package soak

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/test/registry"
	"github.com/pulltrace/pulltrace/test/soak/judge"
)

// round is a number of pulls after which all is judged, and their registry.
type round struct {
	*node
	number   int
	registry *registry.Registry

	mu    sync.Mutex
	pulls []*pull
}

// pull is a pull as its client knows it.
type pull struct {
	what       string
	namespace  string
	img        *registry.Image
	start, end time.Duration
	version    string // of containerd
	err        error
	recorded   bool // the image is recorded, whatever the client was answered
	left       bool // the client was killed and left its lease
}

func (n *node) newRound(number int) *round {
	n.Helper()
	return &round{node: n, number: number, registry: n.startRegistry()}
}

// begin notes that a client begins a pull.
func (r *round) begin(namespace string, img *registry.Image, what string) *pull {
	p := &pull{what: what, namespace: namespace, img: img, start: r.now(), version: r.version()}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pulls = append(r.pulls, p)
	return p
}

// end notes how a pull ended for its client. One that got an error may have gone well.
func (r *round) end(p *pull, err error) {
	p.end, p.err = r.now(), err
	if err == nil {
		return
	}
	time.Sleep(300 * time.Millisecond) // containerd may be about to record it
	for !r.over.Load() {
		r.waitUp()
		recorded, asked := r.isRecorded(p)
		if asked {
			p.recorded = recorded
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// isRecorded tells whether containerd has a record of the image of a pull.
func (r *round) isRecorded(p *pull) (recorded, asked bool) {
	c, err := r.client(p.namespace)
	if err != nil {
		return false, false
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	record, err := c.ImageService().Get(ctx, p.img.Ref())
	return err == nil && record.Target.Digest == p.img.Root.Digest, err == nil || errdefs.IsNotFound(err)
}

// inFlight is what the registry has served and containerd has not taken from its socket.
const inFlight = 128 << 10

// truth is what the judge is told of the pulls of this round.
func (r *round) truth(windows []judge.Window) []*judge.Pull {
	requests := r.registry.Requests()
	images := map[string]*judge.Image{}
	var out []*judge.Pull
	for _, p := range r.pulls {
		at := p.namespace + " " + p.img.Ref()
		if images[at] == nil {
			images[at] = r.image(p, requests)
		}
		t := &judge.Pull{
			Image: images[at], What: p.what, Start: p.start, Seen: r.seen(p, requests), End: p.end,
			Layers: len(p.img.Layers), Outcomes: r.outcomes(p, windows),
		}
		impaired := met(p, windows, time.Second, judge.Away, judge.Clock, judge.Blind, judge.Down, judge.Full, judge.Deaf, judge.Flood, judge.Busy)
		t.Nameless = t.Seen == 0 && p.err != nil || impaired && (p.err != nil || t.Seen == 0)
		if t.Seen == 0 && (p.err != nil || impaired) { // of what did nothing one knows its end by its record alone
			t.Outcomes = append(t.Outcomes, judge.Unknown)
		}
		t.Unsure = r.unsure(p, windows)
		if p.left {
			t.Until = p.end + takenOver
		}
		served := r.servedTo(p, requests)
		t.Least, t.Most = max(0, served-int64(len(p.img.Layers))<<20-inFlight), served
		if t.Unseen = judge.Unseen(windows, t.Seen, t.End); t.Unseen {
			t.Most = images[at].Most
		}
		switch {
		case r.oneOfTwo(p):
			t.Least, t.Most = 0, images[at].Most
			// Both have left one record.
			t.Hidden = t.Unseen && p != r.first(p)
		case p.err == nil && !slices.ContainsFunc(r.others(p), func(o *pull) bool { return o.start < p.start }):
			t.Least, t.Most = p.img.Size(), p.img.Size()
		}
		out = append(out, t)
	}
	for _, left := range out {
		for _, next := range out {
			if left.Until > 0 && next != left && next.Image == left.Image {
				goOn(left, next)
			}
		}
	}
	return out
}

// unsure tells whether what is told of a pull may be anything: its client went on after
// containerd had ended, its times are not those of the clock that goes, or its record was left
// out in a flood and is another pull's by the time that it is looked for.
func (r *round) unsure(p *pull, windows []judge.Window) bool {
	if p.err == nil && met(p, windows, 0, judge.Down) {
		return true
	}
	late := time.Second // it is looked at
	if met(p, windows, 0, judge.Blind, judge.Deaf) {
		late = 6 * time.Second
	}
	if met(p, windows, late, judge.Clock) && met(p, windows, 2*time.Second, judge.Away, judge.Blind, judge.Deaf, judge.Flood, judge.Busy) {
		return true
	}
	return met(p, windows, time.Second, judge.Flood) && slices.ContainsFunc(r.others(p), func(o *pull) bool {
		return o.end > p.end && o.start < p.end+2*time.Second
	})
}

// goOn notes that a pull went on with what another one had left: only then it is known to be
// dead. If nobody could look at the next one, both are one.
func goOn(left, next *judge.Pull) {
	left.Until = max(left.Until, next.End+takenOver)
	if next.Unseen {
		next.Hidden = true
		left.Outcomes, left.Most = append(left.Outcomes, judge.Success), left.Image.Most
	}
}

// takenOver is within what it is told that another pull has gone on with a dead one.
const takenOver = 8 * time.Second

// first is the first pull of the image of one.
func (r *round) first(p *pull) *pull {
	return r.pulls[slices.IndexFunc(r.pulls, func(o *pull) bool { return o.img == p.img })]
}

// others are the other pulls of the image of one.
func (r *round) others(p *pull) (others []*pull) {
	for _, o := range r.pulls {
		if o != p && o.img == p.img {
			others = append(others, o)
		}
	}
	return others
}

// oneOfTwo tells whether another client pulled the image at the same time.
func (r *round) oneOfTwo(p *pull) bool {
	return slices.ContainsFunc(r.others(p), func(o *pull) bool { return o.start < p.end && p.start < o.end })
}

func (r *round) image(p *pull, requests []registry.Request) *judge.Image {
	host, _, _ := net.SplitHostPort(p.img.Host)
	i := &judge.Image{
		Namespace: p.namespace, Root: p.img.Root.Digest.String(), Manifest: p.img.Manifest.Digest.String(), Size: p.img.Size(),
		// Before its record is there, it is known by containerd's labels, which have no port.
		Names: []string{p.img.Name(), strings.Replace(p.img.Name(), p.img.Host, host, 1)},
	}
	for _, req := range requests {
		if slices.Contains(p.img.Blobs(), req.Digest) {
			i.Most += req.Written
		}
	}
	for _, o := range append(r.others(p), p) {
		if o.err == nil {
			i.Least = p.img.Size()
		}
	}
	return i
}

// outcomes are those that a pull may be told with.
func (r *round) outcomes(p *pull, windows []judge.Window) []string {
	switch {
	case p.err == nil && r.oneOfTwo(p) && met(p, windows, 0, judge.Deaf, judge.Flood): // containerd may keep one record for both
		return []string{judge.Success, judge.Unknown}
	case p.err == nil:
		return []string{judge.Success}
	case p.recorded && r.oneOfTwo(p):
		return []string{judge.Success, judge.Failure, judge.Unknown}
	case p.recorded:
		return []string{judge.Success, judge.Failure}
	case r.oneOfTwo(p): // the other one may have gone well
		return []string{judge.Failure, judge.Unknown}
	case p.left && met(p, windows, takenOver, judge.Down): // what it left is older than containerd
		return []string{judge.Unknown, judge.Failure}
	case p.left:
		return []string{judge.Unknown}
	}
	return []string{judge.Failure}
}

// met tells whether any of these was so while a pull ran, or so long after.
func met(p *pull, windows []judge.Window, after time.Duration, effects ...judge.Effect) bool {
	return slices.ContainsFunc(windows, func(w judge.Window) bool {
		return slices.Contains(effects, w.Effect) && w.From < p.end+after && w.To > p.start
	})
}

// seen is when containerd had something to show of a pull, 0 if it never had. It asks for what
// an index or manifest refers to when that is there, and up to 2.0 an event first tells that it
// unpacks, which it begins to before it asks for a layer.
func (r *round) seen(p *pull, requests []registry.Request) time.Duration {
	shows := append([]digest.Digest{p.img.Manifest.Digest}, p.img.Blobs()...)
	if p.version == "2.0" {
		shows = shows[2:]
	}
	for _, req := range requests { // in their order
		at := r.at(req.Start)
		if slices.Contains(shows, req.Digest) && req.Method == http.MethodGet && at > p.start && at < p.end {
			return at
		}
	}
	return 0
}

// servedTo is how many bytes of config and layers the registry has served to a pull.
func (r *round) servedTo(p *pull, requests []registry.Request) (bytes int64) {
	for _, req := range requests {
		if at := r.at(req.Start); slices.Contains(p.img.Blobs(), req.Digest) && at >= p.start && at <= p.end {
			bytes += req.Written
		}
	}
	return bytes
}
