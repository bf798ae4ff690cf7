package pull

import (
	"slices"
	"time"
)

// Bounds are the first and the last sign of the layer in this pull. They are
// zero for a layer that it neither fetched nor unpacked.
func (l *Layer) Bounds() (start, end time.Time) {
	switch {
	case l.Download.Happened():
		start = earlier(l.Opened, l.Download.Start)
	case !l.Opened.IsZero():
		start = l.Opened
	default:
		start = l.Unpack.Start
	}
	return start, later(l.Download.End, l.Unpack.End)
}

// LayerCounts are how many layers the pull fetched, how many it found, and how
// many are lazy.
func (p *Pull) LayerCounts() (downloaded, cached, lazy int) {
	for _, l := range p.Layers {
		switch {
		case l.Download.Happened():
			downloaded++
		case l.State == LayerCached || l.State == LayerDone:
			cached++
		case l.State == LayerLazy:
			lazy++
		}
	}
	return downloaded, cached, lazy
}

// DownloadTime is how long at least one layer was being fetched.
func (p *Pull) DownloadTime() time.Duration {
	return p.union(func(l *Layer) Span { return l.Download })
}

// UnpackTime is how long at least one layer was being unpacked.
func (p *Pull) UnpackTime() time.Duration {
	return p.union(func(l *Layer) Span { return l.Unpack })
}

// union is the time that one span of each layer covers together.
func (p *Pull) union(of func(*Layer) Span) time.Duration {
	var spans []Span
	for i := range p.Layers {
		spans = append(spans, of(&p.Layers[i]))
	}
	return covered(spans)
}

// covered is the time that spans cover together.
func covered(spans []Span) time.Duration {
	slices.SortFunc(spans, func(a, b Span) int { return a.Start.Compare(b.Start) })
	var sum time.Duration
	var until time.Time
	for _, s := range spans {
		if s.Happened() && s.End.After(until) && s.End.After(s.Start) {
			sum += s.End.Sub(later(s.Start, until))
			until = s.End
		}
	}
	return sum
}

// queued is how long, up to its end, a pull had something to fetch and no
// download slot: what its blobs take from the opening of their ingests, less what
// they take from their slots on. Its manifest and config wait for slots as well.
// Negative is one that had nothing to fetch.
func (h *history) queued(starts map[*blob]time.Time, end time.Time) time.Duration {
	var wanted, fetched []Span
	for _, tr := range h.transfers(end) {
		until := earlier(tr.end, end)
		wanted = append(wanted, Span{tr.opened, until})
		if start, started := starts[tr.blob]; started {
			wanted = append(wanted, Span{start, until})
			fetched = append(fetched, Span{start, until})
		}
	}
	if len(wanted) == 0 {
		return -1
	}
	return covered(wanted) - covered(fetched)
}
