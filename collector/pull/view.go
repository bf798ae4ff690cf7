package pull

import (
	"math"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
)

// view is a history as a pull at a time.
func (t *Tracker) view(h *history, now time.Time, starts map[*blob]time.Time) Pull {
	p := Pull{ID: h.id, Image: h.image, Start: h.created, Downloaded: h.downloaded(), Remaining: -1, Waited: -1}
	if h.stepped || h.late {
		p.Estimated = addEstimate(p.Estimated, PullStart)
	}
	if h.late || h.fetchedAgain() || h.isPartial() { // what its lease held is not known, or what was thrown away
		p.Estimated = addEstimate(p.Estimated, DownloadBytes)
	}
	t.viewWaiters(h, &p, false)
	p.Resolved = h.resolved(&p)
	if h.manifest != nil {
		p.Size, p.TotalKnown = h.manifest.size()
		p.ConfigDigest = h.manifest.Config.Digest
		p.Layers, p.MoreLayers = t.layers(h, now, starts), h.manifest.Rest.Layers
		p.Cached, p.Lazy = h.foundBytes()
		p.open = h.isOpen() || (!h.gone.IsZero() && h.record == nil) // it may have failed
		p.reached = h.reached
		h.reached, _ = p.Progress()
	}
	p.Phase = h.phase(&p, t.waits(h, now, starts))
	p.Rate = h.speed.rate
	p.Idle = max(now.Sub(h.moved), 0)
	p.Stalled = p.Idle > t.patience(h)
	if p.TotalKnown && p.Rate > 0 && !p.Stalled && h.layersMove() {
		missing := float64(max(p.missing()-h.speed.unseen, 0))
		if left := missing / p.Rate; left < math.MaxInt64/float64(time.Second) {
			p.Remaining = time.Duration(left * float64(time.Second))
		}
	}
	return p
}

// layersMove tells whether any bytes of a layer have come: from the config alone
// no time can be told.
func (h *history) layersMove() bool {
	return h.manifest != nil && slices.ContainsFunc(h.manifest.Layers, func(d Descriptor) bool {
		return h.blobs[d.Digest].downloaded() > 0
	})
}

// resolved is when the name had become a root descriptor: its ingest was opened
// or its blob came. Of a root that was there before, only the first reading that
// had it is known.
func (h *history) resolved(p *Pull) time.Time {
	switch {
	case !h.root.opened.IsZero():
		return h.root.opened
	case !h.root.committed.IsZero() && !h.root.committed.Before(h.created):
		return h.root.committed
	case !h.rootSeen.IsZero():
		p.Estimated = addEstimate(p.Estimated, ResolveEnd)
	}
	return h.rootSeen
}

// isOpen tells whether any blob that the pull fetches is not committed yet.
func (h *history) isOpen() bool {
	for _, b := range h.blobs {
		if b.ours && b.committed.IsZero() {
			return true
		}
	}
	return false
}

// foundBytes is how much of the image the pull did not have to fetch. Cached are
// blobs that were there or came by another pull, the begin of one that it
// resumes, and layers whose snapshot is there; lazy are those whose snapshot
// came without them.
func (h *history) foundBytes() (cached, lazy int64) {
	there := make(map[digest.Digest]*chain)
	for i, d := range h.manifest.Layers {
		if _, c := h.chainOf(i); c != nil && !c.committed.IsZero() && (there[d.Digest] == nil || !c.lazy) {
			there[d.Digest] = c
		}
	}
	_, cached = h.restBytes()
	for d, b := range h.blobs {
		switch {
		case b.ours:
			cached = plus(cached, min(b.base, b.Size))
		case !b.committed.IsZero():
			cached = plus(cached, b.Size)
		case there[d] == nil:
		case there[d].lazy:
			lazy = plus(lazy, b.Size)
		default:
			cached = plus(cached, b.Size)
		}
	}
	return cached, lazy
}

func (h *history) phase(p *Pull, waits bool) Phase {
	if waits {
		return Queued
	}
	if h.manifest == nil {
		if p.Downloaded > 0 {
			return Downloading
		}
		return Resolving
	}
	if p.missing() > 0 || (!p.TotalKnown && h.lacks()) {
		return Downloading
	}
	return Unpacking
}

// lacks tells whether a blob is not on the node, nor the snapshot made of it.
func (h *history) lacks() bool {
	unpacked := make(map[digest.Digest]bool)
	for i, d := range h.manifest.Layers {
		_, c := h.chainOf(i)
		unpacked[d.Digest] = c != nil && !c.committed.IsZero()
	}
	for d, b := range h.blobs {
		if b.committed.IsZero() && !unpacked[d] {
			return true
		}
	}
	return false
}

// layers are the layers as they stand at a time.
func (t *Tracker) layers(h *history, now time.Time, starts map[*blob]time.Time) []Layer {
	layers := make([]Layer, 0, len(h.manifest.Layers))
	seen := make(map[digest.Digest]bool)
	for i, d := range h.manifest.Layers {
		l := Layer{Descriptor: d, Index: i}
		b := h.blobs[d.Digest]
		if b.ours && !seen[d.Digest] {
			h.download(&l, b, starts)
		}
		if b.shared && !b.ours {
			l.Estimated = addEstimate(l.Estimated, DownloadBytes)
		}
		t.unpack(h, &l, b, now)
		l.State = h.layerState(&l, b)
		seen[d.Digest] = true
		layers = append(layers, l)
	}
	return layers
}

// download fills in how the layer was fetched by this pull.
func (h *history) download(l *Layer, b *blob, starts map[*blob]time.Time) {
	l.Downloaded = b.downloaded()
	l.Opened = h.openedAt(b)
	l.Download = Span{Start: starts[b], End: b.done()}
	if !b.sawOpen || b.guessed || b.again {
		// Fetched too fast to be seen, or shared by another namespace, or
		// resumed before it was seen, or fetched again.
		l.Estimated = addEstimate(l.Estimated, DownloadBytes)
	}
	if l.Download.Happened() && (!b.sawOpen || !l.Download.Start.Equal(b.opened) || b.base > 0 || b.guessed) {
		l.Estimated = addEstimate(l.Estimated, DownloadStart)
	}
	if b.doneUnseen() {
		l.Estimated = addEstimate(l.Estimated, DownloadEnd)
	}
}

// unpack fills in how the layer was unpacked by this pull. A layer is prepared
// as soon as the one below it is committed, mostly before its blob has come
// (unpacker.go @v2.4.2): it is applied from the last of the two. Layers that are
// unpacked in parallel are prepared before the one below is committed; they are
// committed in order, so that the end of the apply does not show.
func (t *Tracker) unpack(h *history, l *Layer, b *blob, now time.Time) {
	id, c := h.chainOf(l.Index)
	if c == nil || (!c.committed.IsZero() && !c.ours) {
		return
	}
	until := now
	if c.ours {
		until = c.committed
	}
	prepared := t.journal.last(mark{h.id.Namespace, SnapshotPrepared, id}, h.created, until)
	start := later(later(h.created, b.done()), prepared)
	parallel := false
	if l.Index > 0 {
		_, parent := h.chainOf(l.Index - 1)
		parallel = !prepared.IsZero() && (parent.committed.IsZero() || prepared.Before(parent.committed))
		switch {
		case parallel:
		case parent.committed.IsZero():
			return
		default:
			start = later(start, parent.committed)
		}
	}
	switch {
	case c.ours:
		if parallel {
			l.Estimated = addEstimate(l.Estimated, UnpackEnd)
		}
		l.Unpack = Span{Start: earlier(start, c.committed), End: c.committed}
		if prepared.IsZero() || b.doneUnseen() {
			l.Estimated = addEstimate(l.Estimated, UnpackStart)
		}
	case !prepared.IsZero() && !b.committed.IsZero() && (b.ours || b.cached(h.created)):
		l.Unpack = Span{Start: start}
	}
}

func (h *history) layerState(l *Layer, b *blob) LayerState {
	_, c := h.chainOf(l.Index)
	unpacked := c != nil && !c.committed.IsZero()
	switch {
	case unpacked && c.lazy:
		return LayerLazy
	case unpacked && c.ours:
		return LayerDone
	case unpacked && !b.ours:
		return LayerCached
	case unpacked:
		return LayerDone
	case l.Unpack.Happened():
		return LayerUnpacking
	case !b.committed.IsZero():
		return LayerDownloaded
	case l.Download.Happened(), b.open && !b.ours: // or between its ingest and its commit
		return LayerDownloading
	default:
		return LayerQueued
	}
}

// close ends a pull: what was unfinished ends with it, and nothing moves any
// more.
func (p *Pull) close(e ending) {
	p.End, p.Outcome, p.Phase = later(e.at, p.Start), e.outcome, "" // the clock may have been set back before anybody watched
	p.Rate, p.Idle, p.Remaining, p.Stalled = 0, 0, -1, false
	p.Err, p.Message = e.err, e.message
	if e.estimated {
		p.Estimated = addEstimate(p.Estimated, PullEnd)
	}
	p.Resolved = earlier(p.Resolved, p.End)
	if e.outcome == Success && p.TotalKnown {
		p.open = false
		p.Cached = p.Size - p.Downloaded - p.Lazy // what else it did not fetch was there
	}
	for i := range p.Layers {
		l := &p.Layers[i]
		for _, s := range []*Span{&l.Download, &l.Unpack} {
			if s.Happened() && s.End.IsZero() {
				s.End = later(s.Start, p.End)
			}
		}
		if e.outcome == Success && !l.Download.Happened() && !l.Unpack.Happened() && l.State != LayerLazy {
			l.State = LayerCached
		}
	}
}
