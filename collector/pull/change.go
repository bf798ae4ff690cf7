package pull

import "time"

// ChangeKind is what changed in a [Change].
type ChangeKind string

// The changes. Finished is every end but that of a pull that failed or
// was abandoned; a pull that ends while it is stalled does not resume.
const (
	Started  ChangeKind = "started"
	Stalled  ChangeKind = "stalled"
	Resumed  ChangeKind = "resumed"
	Finished ChangeKind = "finished"
	Failed   ChangeKind = "failed"

	// Abandoned is the end of a pull that nobody drives any more.
	Abandoned ChangeKind = "abandoned"
)

// ChangeKinds lists every [ChangeKind].
var ChangeKinds = []ChangeKind{Started, Stalled, Resumed, Finished, Failed, Abandoned}

// Worrying tells whether somebody should have a look.
func (k ChangeKind) Worrying() bool { return k == Stalled || k == Failed }

// Change is a turn in the life of a pull. It is told once.
type Change struct {
	Kind ChangeKind
	Time time.Time // when it happened, which may be before the pull was first seen
	Pull *Pull     // as it stood when it was told
}

// changed adds to an update what has changed in its pulls.
func (t *Tracker) changed(u Update) Update {
	u.Pods = PodWatch{t.waiters.watched, t.waiters.up}
	u.Omitted = t.takeOmitted()
	for i := range u.Started {
		u.Changes = append(u.Changes, Change{Started, u.Started[i].Start, &u.Started[i]})
	}
	for i := range u.Active {
		p := &u.Active[i]
		h := t.pulls[p.ID]
		if p.Stalled == h.stalled {
			continue
		}
		h.stalled = p.Stalled
		if p.Stalled {
			u.Changes = append(u.Changes, Change{Stalled, h.moved.Add(t.patience(h)), p})
		} else {
			u.Changes = append(u.Changes, Change{Resumed, h.moved, p})
		}
	}
	for i := range u.Ended {
		p := &u.Ended[i]
		kind := Finished
		switch {
		case p.Outcome == Failure:
			kind = Failed
		case p.Err == ErrAbandoned:
			kind = Abandoned
		}
		u.Changes = append(u.Changes, Change{kind, p.End, p})
	}
	return u
}
