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
		if s := of(&p.Layers[i]); s.Happened() && s.End.After(s.Start) {
			spans = append(spans, s)
		}
	}
	slices.SortFunc(spans, func(a, b Span) int { return a.Start.Compare(b.Start) })
	var sum time.Duration
	var covered time.Time
	for _, s := range spans {
		if s.End.After(covered) {
			sum += s.End.Sub(later(s.Start, covered))
			covered = s.End
		}
	}
	return sum
}
