package scale

import (
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/pull"
)

const (
	resolving    = time.Second // of each pull
	slots        = 3           // layers in flight
	stalledAfter = time.Minute // as by default
	gaveUpAfter  = 5 * time.Minute
)

// simulated is one pull on a simulated node: when it does what.
type simulated struct {
	id     pull.ID
	image  image
	start  time.Time
	held   time.Duration // by other pulls, before the first layer begins
	cached int           // layers that were there
	rate   float64       // By/s
	// stop is after how many bytes nothing comes anymore: the registry has failed, or, if
	// it hangs, nobody knows. 0 is never.
	stop  int64
	hangs bool
	err   pull.ErrorType // why it fails; empty if it does not
	pods  []pull.Waiter
	wait  time.Duration // in the kubelet's queue

	stalled bool // was told
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// toFetch is how much the pull has to fetch, in bytes.
func (s *simulated) toFetch() (sum int64) {
	for _, size := range s.image.layers[s.cached:] {
		sum += size
	}
	return sum
}

// opened is when the first layer began.
func (s *simulated) opened() time.Time { return s.start.Add(resolving + s.held) }

// came is when so many bytes had come.
func (s *simulated) came(bytes int64) time.Time {
	return s.opened().Add(seconds(float64(bytes) / s.rate))
}

// unpackTime is how long the pull unpacks, after the last byte.
func (s *simulated) unpackTime() time.Duration {
	return s.came(s.toFetch()).Sub(s.opened())/5 + time.Second
}

// end is when the pull ends.
func (s *simulated) end() time.Time {
	switch {
	case s.hangs:
		return s.came(s.stop).Add(gaveUpAfter)
	case s.err != "":
		return s.came(s.stop)
	}
	return s.came(s.toFetch()).Add(s.unpackTime())
}

// at is the pull as it stands at a time, or as it has ended before.
func (s *simulated) at(now time.Time) pull.Pull {
	p := pull.Pull{
		ID:    s.id,
		Image: pull.Image{Name: s.image.name, Registry: s.image.registry, Tag: s.image.tag, Root: s.image.root},
		Start: s.start, Phase: pull.Resolving, Remaining: -1, Waited: s.wait, Pods: s.pods,
	}
	over := !now.Before(s.end())
	if over {
		now = s.end()
		p.End, p.Phase, p.Outcome, p.Err, p.Queued = now, "", pull.Success, s.err, s.held
		if s.err != "" {
			p.Outcome = pull.Failure
		}
	}
	if now.Before(s.start.Add(resolving)) {
		return p
	}
	p.Resolved, p.TotalKnown = s.start.Add(resolving), true
	s.layers(&p, now)
	if over {
		return p
	}
	switch last := s.last(now); {
	case now.Before(s.opened()):
		p.Phase = pull.Queued
	case p.Downloaded == s.toFetch():
		p.Phase, p.Idle = pull.Unpacking, 500*time.Millisecond
	default:
		p.Phase, p.Idle = pull.Downloading, now.Sub(last)
		p.Stalled = p.Idle > stalledAfter
		if p.Idle < 10*time.Second {
			p.Rate = s.rate
			p.Remaining = seconds(float64(s.toFetch()-p.Downloaded) / s.rate)
		}
	}
	return p
}

// last is when the last byte came, as of a time.
func (s *simulated) last(now time.Time) time.Time {
	if at := s.came(s.stop); s.stop > 0 && at.Before(now) {
		return at
	}
	return now
}

// layers fills in how the layers stand, and the sums of their bytes. They come three by
// three, and are unpacked one by one at the end.
func (s *simulated) layers(p *pull.Pull, now time.Time) {
	arrived := int64(0)
	switch last := s.last(now); {
	case !last.Before(s.came(s.toFetch())):
		arrived = s.toFetch()
	case last.After(s.opened()):
		arrived = int64(s.rate * last.Sub(s.opened()).Seconds())
	}
	p.Layers = make([]pull.Layer, len(s.image.layers))
	wave := s.image.layers[s.cached:]
	before := int64(0) // bytes of the waves before
	for i, size := range s.image.layers {
		l := &p.Layers[i]
		l.Index, l.Size, l.Digest = i, size, s.layerDigest(i)
		p.Size += size
		if i < s.cached {
			l.State = pull.LayerCached
			p.Cached += size
			continue
		}
		if in := (i - s.cached) % slots; in == 0 {
			if i > s.cached {
				before += sum(wave[:slots])
				wave = wave[slots:]
			}
		}
		together := sum(wave[:min(slots, len(wave))])
		s.layer(p, l, before, together, arrived)
		p.Downloaded += l.Downloaded
	}
	if arrived == s.toFetch() {
		s.unpack(p, now)
	}
}

// layer fills in how a layer was fetched with others that are so much together, after so
// much before them.
func (s *simulated) layer(p *pull.Pull, l *pull.Layer, before, together, arrived int64) {
	l.State = pull.LayerQueued
	if arrived <= before {
		return
	}
	l.State, l.Opened, l.Download.Start = pull.LayerDownloading, s.opened(), s.came(before)
	l.Downloaded = int64(float64(l.Size) * min(float64(arrived-before)/float64(together), 1))
	if arrived >= before+together {
		l.State, l.Downloaded, l.Download.End = pull.LayerDownloaded, l.Size, s.came(before+together)
	} else if !p.End.IsZero() {
		l.Download.End = p.End
	}
}

// unpack fills in how far the layers are unpacked.
func (s *simulated) unpack(p *pull.Pull, now time.Time) {
	begin := s.came(s.toFetch())
	each := s.unpackTime() / time.Duration(len(s.image.layers)-s.cached)
	for i := s.cached; i < len(p.Layers); i++ {
		l := &p.Layers[i]
		start := begin.Add(each * time.Duration(i-s.cached))
		if now.Before(start) {
			continue
		}
		l.State, l.Unpack.Start = pull.LayerUnpacking, start
		if end := start.Add(each); !now.Before(end) {
			l.State, l.Unpack.End = pull.LayerDone, end
		}
	}
}

func (s *simulated) layerDigest(i int) digest.Digest {
	return digest.FromString(s.image.name + string(rune('a'+i)))
}

func sum(sizes []int64) (sum int64) {
	for _, size := range sizes {
		sum += size
	}
	return sum
}
