package judge

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// The image of most cases, of 1,000 bytes.
func image() *Image {
	return &Image{Namespace: "k8s.io", Root: "sha256:one", Manifest: "sha256:below", Names: []string{"registry/one"}, Size: 1000, Least: 1000, Most: 1000}
}

func good(i *Image) *Pull {
	return &Pull{
		Image: i, What: "good", Start: 10 * time.Second, Seen: 10100 * time.Millisecond, End: 12 * time.Second,
		Outcomes: []string{Success}, Least: 1000, Most: 1000, Layers: 1,
	}
}

func failed(i *Image) *Pull {
	p := good(i)
	p.What, p.Outcomes, p.Least, p.Most = "failed", []string{Failure}, 200, 600
	return p
}

func spanOf(p *Pull) Span {
	return Span{
		Trace: "1", ID: "1", Namespace: p.Image.Namespace, Root: p.Image.Root, Name: p.Image.Names[0],
		Outcome: p.Outcomes[0], Downloaded: p.Most, End: p.End,
	}
}

// Each thing that can be wrong with what is told is complained of, and nothing else is.
func TestJudge(t *testing.T) {
	t.Parallel()
	type scene struct {
		pulls     []*Pull
		spans     []Span
		windows   []Window
		brokenOff bool
	}
	one := func(p *Pull, change func(*Span)) scene {
		s := spanOf(p)
		change(&s)
		return scene{pulls: []*Pull{p}, spans: []Span{s}}
	}
	i := image()
	window := func(e Effect, from, to float64) []Window {
		seconds := func(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }
		return []Window{{Fault: "a fault", Effect: e, From: seconds(from), To: seconds(to)}}
	}
	for name, c := range map[string]struct {
		scene
		complaints []Kind
		excuse     string
	}{
		"as it is": {scene: one(good(i), func(*Span) {})},
		"missing":  {scene: scene{pulls: []*Pull{good(i)}}, complaints: []Kind{Missing}},
		"invented": {
			scene:      scene{spans: []Span{spanOf(good(i))}},
			complaints: []Kind{Invented},
		},
		"in another namespace": {
			scene:      one(good(i), func(s *Span) { s.Namespace = "moby" }),
			complaints: []Kind{Missing, Invented},
		},
		"of another image": {
			scene:      one(good(i), func(s *Span) { s.Root = "sha256:other" }),
			complaints: []Kind{Missing, Invented},
		},
		"double, of another trace": {
			scene:      scene{pulls: []*Pull{good(i)}, spans: []Span{spanOf(good(i)), {Trace: "2", ID: "2", Namespace: "k8s.io", Root: i.Root, Name: "registry/one", Outcome: Success, Downloaded: 1000}}},
			complaints: []Kind{Double},
		},
		"double, of one trace": {
			scene:      scene{pulls: []*Pull{good(i)}, spans: []Span{spanOf(good(i)), spanOf(good(i))}},
			complaints: []Kind{Double},
		},
		"sent again, after the receiver broke off": {
			scene: scene{pulls: []*Pull{good(i)}, spans: []Span{spanOf(good(i)), spanOf(good(i))}, brokenOff: true},
		},
		"sent again, and different": {
			scene: func() scene {
				s := one(good(i), func(*Span) {})
				other := s.spans[0]
				other.Outcome = Unknown
				s.spans, s.brokenOff = append(s.spans, other), true
				return s
			}(),
			complaints: []Kind{Double},
		},
		"wrong outcome of a good one": {
			scene:      one(good(i), func(s *Span) { s.Outcome = Failure }),
			complaints: []Kind{WrongOutcome},
		},
		"wrong outcome of a failed one": {
			scene:      one(failed(&Image{Namespace: "k8s.io", Root: "sha256:one", Names: []string{"registry/one"}, Most: 600}), func(s *Span) { s.Outcome = Success }),
			complaints: []Kind{WrongOutcome},
		},
		"too few bytes": {
			scene:      one(good(i), func(s *Span) { s.Downloaded = 999 }),
			complaints: []Kind{WrongBytes, WrongBytes}, // of the pull, and of the image
		},
		"too many bytes": {
			scene:      one(good(i), func(s *Span) { s.Downloaded = 1001 }),
			complaints: []Kind{WrongBytes, WrongBytes},
		},
		"fewer bytes, and said so": {
			scene: one(failed(&Image{Namespace: "k8s.io", Root: "sha256:one", Names: []string{"registry/one"}, Most: 600}), func(s *Span) { s.Downloaded, s.Lost = 0, true }),
		},
		"more bytes, and said so": {
			scene:      one(failed(&Image{Namespace: "k8s.io", Root: "sha256:one", Names: []string{"registry/one"}, Most: 600}), func(s *Span) { s.Downloaded, s.Lost = 601, true }),
			complaints: []Kind{WrongBytes},
		},
		"more bytes, of a layer that nobody saw": {
			scene: one(failed(image()), func(s *Span) { s.Downloaded, s.Guessed = 1000, 1 }),
		},
		"more bytes than there are, of a layer that nobody saw": {
			scene:      one(failed(image()), func(s *Span) { s.Downloaded, s.Guessed = 1001, 1 }),
			complaints: []Kind{WrongBytes},
		},
		"a bad one while the machine was late": {scene: scene{pulls: []*Pull{failed(image())}, windows: window(Busy, 9, 13)}, excuse: TooBusy},
		"a good one while the machine was late": {
			scene:      scene{pulls: []*Pull{good(image())}, windows: window(Busy, 9, 13)},
			complaints: []Kind{Missing},
		},
		"by its manifest": {
			scene:      one(good(i), func(s *Span) { s.Root = i.Manifest }),
			complaints: []Kind{WrongName},
		},
		"by its manifest, and nobody could look": {
			scene: func() scene {
				p := good(i)
				p.Unseen = true
				return one(p, func(s *Span) { s.Root = i.Manifest })
			}(),
		},
		"wrong name": {
			scene:      one(good(i), func(s *Span) { s.Name = "registry/two" }),
			complaints: []Kind{WrongName},
		},
		"a failed one and a good one, in any order": {
			scene: func() scene {
				both := &Image{Namespace: "k8s.io", Root: "sha256:one", Names: []string{"registry/one"}, Least: 1000, Most: 1600}
				first, second := failed(both), good(both)
				return scene{pulls: []*Pull{first, second}, spans: []Span{spanOf(second), spanOf(first)}}
			}(),
		},
		"two at once that count the bytes twice": {
			scene: func() scene {
				first, second := good(i), good(i)
				first.Least, second.Least = 0, 0
				other := spanOf(second)
				other.Trace = "2"
				return scene{pulls: []*Pull{first, second}, spans: []Span{spanOf(first), other}}
			}(),
			complaints: []Kind{WrongBytes},
		},
		"a retry that nobody saw, with the bytes of both": {
			scene: func() scene {
				both := &Image{Namespace: "k8s.io", Root: "sha256:one", Names: []string{"registry/one"}, Least: 1000, Most: 1600}
				first, second := failed(both), good(both)
				second.Unseen, second.Most = true, 1600
				return scene{pulls: []*Pull{first, second}, spans: []Span{spanOf(second), spanOf(first)}}
			}(),
		},
		"nothing was fetched": {
			scene: func() scene {
				p := failed(i)
				p.Seen = 0
				return scene{pulls: []*Pull{p}}
			}(),
			excuse: NothingFetched,
		},
		"Pulltrace did not run when it ended":     {scene: scene{pulls: []*Pull{good(i)}, windows: window(Away, 11, 13)}, excuse: NotRunning},
		"Pulltrace did not run while it ran":      {scene: scene{pulls: []*Pull{good(i)}, windows: window(Away, 10.5, 11.5)}, complaints: []Kind{Missing}},
		"Pulltrace ended after it":                {scene: scene{pulls: []*Pull{good(i)}, windows: window(Away, 12.5, 13)}, complaints: []Kind{Missing}},
		"containerd was down, and then Pulltrace": {scene: scene{pulls: []*Pull{failed(i)}, windows: append(window(Down, 11.9, 12.5), window(Away, 13, 14)...)}, excuse: EndedBoth},
		"containerd was down":                     {scene: scene{pulls: []*Pull{failed(i)}, windows: window(Down, 11.9, 12.5)}, complaints: []Kind{Missing}},
		"containerd was down while it ran, and Pulltrace, and its client went on": {
			scene:  scene{pulls: []*Pull{failed(i)}, windows: append(window(Down, 10.5, 10.8), window(Away, 10.6, 10.9)...)},
			excuse: EndedBoth,
		},
		"it failed at once": {
			scene: func() scene {
				p := failed(i)
				p.Seen = p.End - 20*time.Millisecond
				return scene{pulls: []*Pull{p}}
			}(),
			excuse: TooShort,
		},
		"it failed soon, in a flood": {
			scene: func() scene {
				p := failed(i)
				p.Seen = p.End - 400*time.Millisecond
				return scene{pulls: []*Pull{p}, windows: window(Flood, 5, 13)}
			}(),
			excuse: TooShort,
		},
		"it failed soon": {
			scene: func() scene {
				p := failed(i)
				p.Seen = p.End - 400*time.Millisecond
				return scene{pulls: []*Pull{p}}
			}(),
			complaints: []Kind{Missing},
		},
		"no event, but time for a poll":   {scene: scene{pulls: []*Pull{good(i)}, windows: window(Deaf, 9, 13)}, complaints: []Kind{Missing}},
		"no event, and no look":           {scene: scene{pulls: []*Pull{good(i)}, windows: append(window(Deaf, 9, 13), window(Blind, 9, 13)...)}, excuse: NoEvents},
		"a good one while none could ask": {scene: scene{pulls: []*Pull{good(i)}, windows: window(Blind, 9, 13)}, complaints: []Kind{Missing}},
		"a bad one while none could ask":  {scene: scene{pulls: []*Pull{failed(i)}, windows: window(Blind, 9, 13)}, excuse: NoLook},
		"a good one while none could ask, in a flood": {
			scene:  scene{pulls: []*Pull{good(i)}, windows: append(window(Blind, 9, 13), window(Flood, 5, 11)...)},
			excuse: LeftOut,
		},
		"the receiver was away":               {scene: scene{pulls: []*Pull{good(i)}, windows: window(Lost, 11, 15)}, complaints: []Kind{Missing}},
		"the receiver was away twice":         {scene: scene{pulls: []*Pull{good(i)}, windows: append(window(Lost, 11, 15), window(Lost, 17, 18)...)}, excuse: NotReceived},
		"the receiver was away, and later on": {scene: scene{pulls: []*Pull{good(i)}, windows: append(window(Lost, 11, 15), window(Lost, 19, 23)...)}, complaints: []Kind{Missing}},
		"a good one in a flood":               {scene: scene{pulls: []*Pull{good(i)}, windows: window(Flood, 5, 13)}, complaints: []Kind{Missing}},
		"a bad one while none could ask, twice": {
			scene:  scene{pulls: []*Pull{failed(i)}, windows: append(window(Blind, 9, 10.5), window(Blind, 11.2, 13)...)},
			excuse: NoLook,
		},
		"a bad one while none could ask, at its begin": {
			scene:      scene{pulls: []*Pull{failed(i)}, windows: window(Blind, 9, 10.5)},
			complaints: []Kind{Missing},
		},
		"nothing tells it from another one": {
			scene: func() scene {
				p := good(i)
				p.Unsure = true
				s := spanOf(p)
				s.Outcome, s.Downloaded = Failure, 0
				return scene{pulls: []*Pull{p}, spans: []Span{s}}
			}(),
		},
		"nothing tells it from another one, and nothing is told": {
			scene: func() scene {
				p := good(i)
				p.Unsure = true
				return scene{pulls: []*Pull{p}}
			}(),
			excuse: Mistaken,
		},
		"a killed client's image stood in its place": {
			scene: func() scene {
				p := good(i)
				p.Hidden = true
				return scene{pulls: []*Pull{p}}
			}(),
			excuse: Hidden,
		},
		"the disk was full": {scene: scene{pulls: []*Pull{failed(i)}, windows: window(Full, 9, 13)}, excuse: DiskFull},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := Judge(c.pulls, c.spans, c.windows, c.brokenOff)
			var kinds []Kind
			for _, complaint := range v.Complaints {
				kinds = append(kinds, complaint.Kind)
			}
			slices.Sort(kinds)
			slices.Sort(c.complaints)
			if !slices.Equal(kinds, c.complaints) {
				t.Errorf("complaints %v, want %v", v.Complaints, c.complaints)
			}
			var excuses []string
			for _, e := range v.Excused {
				excuses = append(excuses, e.Reason)
			}
			if strings.Join(excuses, ", ") != c.excuse {
				t.Errorf("excused by %q, want %q", excuses, c.excuse)
			}
			if got := v.Told + len(v.Excused) + countKind(kinds, Missing); got != len(c.pulls) {
				t.Errorf("%d pulls are told, excused or missing, of %d", got, len(c.pulls))
			}
		})
	}
}

func countKind(kinds []Kind, kind Kind) (n int) {
	for _, k := range kinds {
		if k == kind {
			n++
		}
	}
	return n
}
