package judge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is a kind of complaint.
type Kind string

// The kinds of complaints.
const (
	Missing      Kind = "missing"
	Double       Kind = "double"
	Invented     Kind = "invented"
	WrongName    Kind = "wrong name"
	WrongOutcome Kind = "wrong outcome"
	WrongBytes   Kind = "wrong bytes"
)

// Complaint is what is not as it must be.
type Complaint struct {
	Kind Kind
	Text string
}

func (c Complaint) String() string { return string(c.Kind) + ": " + c.Text }

// Excused is a pull that has no span, and why it may have none.
type Excused struct {
	Pull   *Pull
	Reason string
}

// Verdict is what came of holding spans against pulls.
type Verdict struct {
	Told       int // pulls with their span
	Unsure     int // of these, those that may be told with any outcome and bytes
	Again      int // spans that came more than once, as OTLP allows where a request was broken off
	Excused    []Excused
	Complaints []Complaint
}

// Judge holds the spans that one Pulltrace has sent against the pulls that were made. Where
// its receiver was broken off, a span may come again, the same in all.
func Judge(pulls []*Pull, spans []Span, windows []Window, brokenOff bool) Verdict {
	var v Verdict
	spans = v.once(spans, brokenOff)
	left := make(map[key][]Span)
	for _, s := range spans {
		left[key{s.Namespace, s.Root}] = append(left[key{s.Namespace, s.Root}], s)
	}
	groups := make(map[*Image][]*Pull)
	var images []*Image
	for _, p := range pulls {
		if groups[p.Image] == nil {
			images = append(images, p.Image)
		}
		groups[p.Image] = append(groups[p.Image], p)
	}
	for _, image := range images {
		at, below := key{image.Namespace, image.Root}, key{image.Namespace, image.Manifest}
		v.image(image, groups[image], slices.Concat(left[at], left[below]), windows)
		delete(left, at)
		delete(left, below)
	}
	for _, s := range spans {
		if _, invented := left[key{s.Namespace, s.Root}]; invented {
			v.complain(Invented, "no pull was of %s", s)
		}
	}
	return v
}

// key is how a span says what it is of.
type key struct{ namespace, root string }

// once are the spans without those that came again.
func (v *Verdict) once(spans []Span, brokenOff bool) []Span {
	var out []Span
	for _, s := range spans {
		if brokenOff && slices.Contains(out, s) {
			v.Again++
			continue
		}
		out = append(out, s)
	}
	return out
}

// image judges the pulls of one image, by the spans that are of it.
func (v *Verdict) image(image *Image, pulls []*Pull, spans []Span, windows []Window) {
	excuses := make([]string, len(pulls))
	for i, p := range pulls {
		excuses[i] = excuse(p, windows)
	}
	told := assign(pulls, spans, excuses)
	var sum int64
	all, exact := true, true
	for i, p := range pulls {
		exact = exact && !p.Unsure && !p.Unseen
		if told[i] < 0 {
			all = false
			if excuses[i] == "" {
				v.complain(Missing, "%s has no span", p)
			} else {
				v.Excused = append(v.Excused, Excused{p, excuses[i]})
			}
			continue
		}
		s := spans[told[i]]
		v.Told++
		if p.Unsure {
			v.Unsure++
		}
		v.Complaints = append(v.Complaints, against(p, s)...)
		sum += s.Downloaded
		exact = exact && s.Guessed == 0 && !s.Lost
	}
	further := false
	for at, s := range spans {
		if !slices.Contains(told, at) {
			further = true
			v.complain(Double, "%s has a further span: %s", pulls[0], s)
		}
	}
	if !further && exact && (sum > image.Most || (all && sum < image.Least)) {
		v.complain(WrongBytes, "the pulls of the image of %s are told with %d bytes in all, want %d to %d", pulls[0], sum, image.Least, image.Most)
	}
}

// against is what a span says of a pull that is not true.
func against(p *Pull, s Span) (complaints []Complaint) {
	complain := func(kind Kind, format string, args ...any) {
		complaints = append(complaints, Complaint{kind, fmt.Sprintf("%s is told ", p) + fmt.Sprintf(format, args...) + ": " + s.String()})
	}
	if !slices.Contains(p.Image.Names, s.Name) && (!p.Nameless || s.Name != "") {
		complain(WrongName, "as %q, want %s", s.Name, strings.Join(p.Image.Names, " or "))
	}
	if s.Root != p.Image.Root && !p.Unseen { // its index may be gone when somebody looks
		complain(WrongName, "by the digest of its manifest, %s", s.Root)
	}
	if p.Unsure {
		return complaints
	}
	if !slices.Contains(p.Outcomes, s.Outcome) {
		complain(WrongOutcome, "as %s, want %s", s.Outcome, strings.Join(p.Outcomes, " or "))
	}
	least, most := p.Least, p.Most
	if s.Guessed > 0 { // of a layer that nobody saw on its way, all or nothing is told as fetched
		least, most = 0, max(most, p.Image.Size)
	}
	if s.Downloaded > most || (s.Downloaded < least && !s.Lost) {
		complain(WrongBytes, "with %d bytes, want %d to %d", s.Downloaded, least, most)
	}
	return complaints
}

// assign finds which span is of which pull, such that there is the least to complain of: the
// index of the span of each pull, -1 for none.
func assign(pulls []*Pull, spans []Span, excuses []string) []int {
	var best []int
	var bestCost cost
	used := make([]bool, len(spans))
	var try func(chosen []int, so cost)
	try = func(chosen []int, so cost) {
		i := len(chosen)
		if i == len(pulls) {
			so.wrong += unassigned * (len(spans) - count(chosen))
			if best == nil || so.compare(bestCost) < 0 {
				best, bestCost = slices.Clone(chosen), so
			}
			return
		}
		for at, s := range spans {
			if used[at] {
				continue
			}
			used[at] = true
			try(append(chosen, at), cost{so.wrong + len(against(pulls[i], s)), so.off + (s.End - pulls[i].End).Abs()})
			used[at] = false
		}
		missing := so
		if excuses[i] == "" {
			missing.wrong += unassigned
		}
		try(append(chosen, -1), missing)
	}
	try(nil, cost{})
	return best
}

// cost is what an assignment leaves to complain of, and how far its times are off: those of
// spans are by a clock that may have been set.
type cost struct {
	wrong int
	off   time.Duration
}

// unassigned weighs more than all that may be wrong on one span.
const unassigned = 10

func (c cost) compare(o cost) int {
	return cmp.Or(cmp.Compare(c.wrong, o.wrong), cmp.Compare(c.off, o.off))
}

func count(chosen []int) (n int) {
	for _, c := range chosen {
		if c >= 0 {
			n++
		}
	}
	return n
}

func (v *Verdict) complain(kind Kind, format string, args ...any) {
	v.Complaints = append(v.Complaints, Complaint{kind, fmt.Sprintf(format, args...)})
}

func (p *Pull) String() string {
	return fmt.Sprintf("%s (%s in %s, %.2f to %.2f s)", p.What, p.Image.Names[0], p.Image.Namespace, p.Start.Seconds(), p.End.Seconds())
}

func (s Span) String() string {
	return fmt.Sprintf("trace %s of %s in %s, %s with %d bytes, %.2f to %.2f s, estimated %s, and bytes of %d layers",
		s.Trace, cmp.Or(s.Name, s.Root), s.Namespace, s.Outcome, s.Downloaded, s.Start.Seconds(), s.End.Seconds(), cmp.Or(s.Estimated, "nothing"), s.Guessed)
}
