package pull

import (
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
)

// ending is how and when a pull ended.
type ending struct {
	at        time.Time
	outcome   Outcome
	estimated bool // at is when it was missed, not when it ended
	err       ErrorType
	message   string
}

// settle decides how a pull that the runtime no longer lists has ended. It is
// not ok as long as an event that tells more may still come.
//
// A good pull writes an image record for its root before its lease goes; nothing
// links the two but root, time and the name as far as it is known, so with several
// leases on one root each record ends one of them, and the rest ended unknown.
func (t *Tracker) settle(h *history, now time.Time) (e ending, ok bool) {
	waited := now.Sub(h.gone) >= settleTime
	if !h.left.IsZero() && h.lost {
		return h.abandonment(), true // it was to be told as that in a moment, and the records are the other one's
	}
	records := t.records(h)
	told := slices.ContainsFunc(records, func(e Event) bool { return !e.Time.After(h.gone) })
	if !told && waited { // the event was lost; one that comes after the end may be the second one of the CRI
		records = append(t.storedRecords(h), records...)
	}
	stayed := false
	if h.lost {
		records, stayed = h.withoutOthers(records)
	}
	if h.record == nil {
		if record, found := t.record(h, records, waited); found {
			h.record = &record
			t.used[record] = true // no other pull's, also while this one waits
		}
	}
	if h.record != nil {
		if told { // else two pulls may have left one by tag and one by digest
			t.useSecond(h, records)
		}
		last := lastRecord(records, *h.record)
		if h.waits || (last.Equal(h.record.Time) && !waited) {
			return ending{}, false
		}
		h.image.complete(h.record.Image)
		return ending{at: later(last, earlier(h.lastSign(), h.gone)), outcome: Success}, true
	}
	if !waited {
		return ending{}, false
	}
	e = ending{at: h.gone, outcome: Failure, estimated: true}
	gaveUp := t.lastRemoved(h)
	if !gaveUp.IsZero() {
		e.at, e.estimated = gaveUp, false
	}
	t.takeBack(h, e.at)
	switch {
	case h.attempt != nil:
		e.err, e.message = h.attempt.Err, h.attempt.Message
	case stayed, t.shared(h, e.at):
		e.outcome = Unknown
	case gaveUp.IsZero() && !h.worked():
		e.outcome, h.inert = Unknown, true
	default:
		e.err = ErrOther
	}
	return e, true
}

// recordBeforeEnd is for how long at the most the lease of a pull stays whose image is
// recorded.
const recordBeforeEnd = time.Second

// withoutOthers are the records of a pull that was over when the runtime ended. If its lease
// was still there well after one, that was another pull's, and this one's client is gone, or
// it goes on after its record.
func (h *history) withoutOthers(records []Event) (own []Event, stayed bool) {
	for _, e := range records {
		if h.listed.Sub(e.Time) > recordBeforeEnd {
			stayed = true
		} else {
			own = append(own, e)
		}
	}
	return own, stayed
}

// worked tells whether a pull fetched anything, if only its root, or had begun to, or
// unpacked a layer. What did none of that may be no pull: whoever pins an image for a while
// has a lease that looks like it.
func (h *history) worked() bool {
	if h.root.ours || h.root.opening || (!h.root.committed.IsZero() && !h.root.cached(h.created)) {
		return true
	}
	for _, b := range h.blobs {
		if b.ours {
			return true
		}
	}
	for _, c := range h.chains {
		if c.ours {
			return true
		}
	}
	return false
}

// takeDiscarded takes the layers that a good pull has unpacked, and whose blobs were
// gone before anybody saw them, for fetched by it. containerd may throw a blob away as
// soon as it is unpacked (discard_unpacked_layers), and up to 2.0 tells of no commit. From 2.4
// on it may commit a layer that EROFS has staged before, of which there is no blob
// (unpacker.go:533 @v2.4.2).
func (t *Tracker) takeDiscarded(h *history) {
	if h.manifest == nil {
		return
	}
	for i, d := range h.manifest.Layers {
		b := h.blobs[d.Digest]
		_, c := h.chainOf(i)
		if c == nil || !c.ours || !b.committed.IsZero() || c.committed.Before(b.opened) {
			continue
		}
		if !b.ours && t.commits.whole(h.created) {
			continue // it was on the node: a snapshotter may have layers without their blobs
		}
		key := claimKey{h.id.Namespace, d.Digest, false}
		if b.ours || t.claims[key] == (claim{}) {
			b.ours, b.discarded, b.committed = true, true, c.committed
			t.claims[key] = claim{h.id, c.committed}
		}
	}
}

// lostBytes tells whether an ingest of a pull that failed had been collected as
// garbage before it was seen for the last time, or was never seen. A layer whose
// snapshot was there has none.
func (h *history) lostBytes() bool {
	if h.manifest == nil {
		return false
	}
	unpacked := make(map[digest.Digest]bool)
	for i, d := range h.manifest.Layers {
		_, c := h.chainOf(i)
		unpacked[d.Digest] = c != nil && !c.committed.IsZero() && !c.ours
	}
	for d, b := range h.blobs {
		if b.committed.IsZero() && !b.open && !unpacked[d] {
			return true
		}
	}
	return false
}

// takeBack takes from a pull that failed what came after its end: another pull
// went on with its layers, or began anew.
func (t *Tracker) takeBack(h *history, end time.Time) {
	for d, b := range h.blobs {
		if b.committed.After(end) || t.anew(h, d, b.committed) {
			b.committed, b.shown = time.Time{}, time.Time{}
			t.release(h, claimKey{h.id.Namespace, d, false})
		}
		if b.updated.After(end) && t.tookOver(h, d) {
			b.offset = b.kept
		}
	}
	for id, c := range h.chains {
		if c.committed.After(end) || t.anew(h, id, c.committed) {
			*c = chain{held: c.held}
			t.release(h, claimKey{h.id.Namespace, id, true})
		}
	}
}

// tookOver tells whether another pull went on with an ingest of this one.
func (t *Tracker) tookOver(h *history, d digest.Digest) bool {
	for _, other := range t.pulls {
		if o := other.blobs[d]; other != h && o != nil && o.ours && o.started.Equal(h.blobs[d].started) {
			return true
		}
	}
	return false
}

// release lets another pull have brought a blob or a chain.
func (t *Tracker) release(h *history, key claimKey) {
	if t.claims[key].by == h.id {
		delete(t.claims, key)
	}
}

// records are the events of image records of the pull's root, from its begin to
// a moment after its end.
func (t *Tracker) records(h *history) (records []Event) {
	for _, root := range append([]digest.Digest{h.image.Root}, h.alsoRoots...) {
		records = append(records, t.journal.between(mark{h.id.Namespace, ImageStored, root}, h.created, h.gone.Add(settleTime))...)
	}
	return records
}

// storedRecords are the image records that were written while the pull ran.
func (t *Tracker) storedRecords(h *history) []Event {
	written := slices.DeleteFunc(slices.Clone(h.records), func(e Event) bool {
		return e.Time.Before(h.created) || e.Time.After(h.gone) || t.isUsedAs(e)
	})
	slices.SortFunc(written, func(a, b Event) int { return a.Time.Compare(b.Time) })
	return written
}

// sameRecord is how far the time of an image record and that of its event are apart at most.
const sameRecord = 50 * time.Millisecond

// isUsedAs tells whether the event of a stored record has ended a pull.
func (t *Tracker) isUsedAs(stored Event) bool {
	for e := range t.used {
		if e.Namespace == stored.Namespace && e.Image == stored.Image && e.Time.Sub(stored.Time).Abs() < sameRecord {
			return true
		}
	}
	return false
}

// record is the image record that ended a pull: the first one that was written
// before the pull was gone, has not ended another one and is not another's by its
// name. One with a tag goes before one without.
func (t *Tracker) record(h *history, records []Event, waited bool) (record Event, found bool) {
	for _, e := range records {
		switch {
		case t.used[e] || e.Time.After(h.gone) || t.isOfAnother(h, e, waited) || t.isOfRetry(h, e):
		case !isByDigest(e):
			return e, true
		case !found:
			record, found = e, true
		}
	}
	return record, found
}

// isOfAnother tells whether a record is rather that of another pull of the root, by the
// names: one digest can be pulled from two repositories at once. A pull without a name
// leaves the others theirs, as long as it may still wait.
func (t *Tracker) isOfAnother(h *history, record Event, waited bool) bool {
	named := func(h *history) bool { return sameRepository(h.image.Name, record.Image.Name) }
	if named(h) {
		return false
	}
	for _, other := range t.pulls {
		switch {
		case other == h || other.record != nil || other.id.Namespace != h.id.Namespace || other.image.Root != h.image.Root:
		case h.image.Name == "" && named(other) && !waited,
			h.image.Name != "" && (named(other) || other.image.Name == ""):
			return true
		}
	}
	return false
}

// useSecond takes the record by digest that follows the one by tag for the same pull's, so
// that it is no other one's: the CRI writes both.
func (t *Tracker) useSecond(h *history, records []Event) {
	if h.second || isByDigest(*h.record) {
		return
	}
	for _, e := range records {
		if isByDigest(e) && e.Image.Name == h.record.Image.Name && !e.Time.Before(h.record.Time) && !t.used[e] {
			t.used[e], h.second = true, true
			return
		}
	}
}

// isOfRetry tells whether a record is rather that of a retry, where one look finds both gone:
// this pull had given up before the retry began.
func (t *Tracker) isOfRetry(h *history, record Event) bool {
	for _, other := range t.pulls {
		if other.image.Root != h.image.Root || !other.retries(h) || record.Time.Before(other.created) {
			continue
		}
		for id := range h.chains {
			if !t.journal.last(mark{h.id.Namespace, SnapshotRemoved, id}, h.created, other.created).IsZero() {
				return true
			}
		}
	}
	return false
}

// lastRecord is when the last record of a pull was written. The CRI writes one
// by digest after the one that was asked for, when the lease is gone already
// (image_pull.go:206 @v2.4.2), and only then answers its caller. Of several pulls
// one writes it, and the others answer once they have found it.
func lastRecord(records []Event, record Event) time.Time {
	last := record.Time
	for _, e := range records {
		if isByDigest(e) && e.Image.Name == record.Image.Name {
			last = later(last, e.Time)
		}
	}
	return last
}

// isByDigest tells the records whose name has no tag.
func isByDigest(record Event) bool { return record.Image.Tag == "" }

// shared tells whether a record of the same root ended another pull while this
// one ran.
func (t *Tracker) shared(h *history, end time.Time) bool {
	for e := range t.used {
		if e.Namespace == h.id.Namespace && e.Digest == h.image.Root && !e.Time.Before(h.created) && !e.Time.After(end) {
			return true
		}
	}
	return false
}

// lastRemoved is when a failing pull gave up the snapshot it was preparing, or
// zero.
func (t *Tracker) lastRemoved(h *history) time.Time {
	var last time.Time
	for id := range h.chains {
		last = later(last, t.journal.last(mark{h.id.Namespace, SnapshotRemoved, id}, h.created, h.gone))
	}
	return last
}

// givenUp is when what a pull had not finished ended, zero while it runs.
func (t *Tracker) givenUp(h *history) time.Time {
	if at := t.lastRemoved(h); !at.IsZero() && !h.gone.IsZero() {
		return at
	}
	return h.gone
}

// complete takes the full name from the image record.
func (i *Image) complete(o Image) {
	if o.Name != "" {
		i.Name, i.Registry, i.Tag = o.Name, o.Registry, o.Tag
	}
}
