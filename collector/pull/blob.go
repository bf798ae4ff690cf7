package pull

import "time"

// blob is what is known of one blob of a pull. Its states, as the runtime shows them:
//
//	absent ──▶ open ──▶ being committed ──▶ committed
//
// An open one has an ingest. While it is committed nothing shows it. One that comes between
// two observations was never seen open, and one that is collected as garbage stays
// committed here.
type blob struct {
	Descriptor // its size is 0 where it is not known
	lastReading
	ingestSeen
	commitSeen
	pace

	ours bool      // concluded: this pull fetches it; else another one does, or it was there
	slot time.Time // when it got its download slot, once that is settled
}

// lastReading is what the last reading of a blob had, and what the earlier ones had that
// stays.
type lastReading struct {
	unnamed  bool      // by a manifest
	document bool      // an index or manifest, whose bytes are not the image's
	held     bool      // the lease lists it
	open     bool      // its ingest was there
	opening  bool      // the lease listed its ingest, whether it was open or not
	missing  time.Time // last reading that had neither its ingest nor the blob
}

// ingestSeen is what was seen of a blob's ingest.
type ingestSeen struct {
	sawOpen bool      // this pull's was seen
	started time.Time // of the one last seen, whoever opened it
	opened  time.Time // by this pull, not before the pull
	base    int64     // offset that an earlier pull, which gave it up, had reached
	others  int64     // offset that the ingest had reached when another pull wrote it
	guessed bool      // base is: somebody had written since it was last seen
	offset  int64     // highest seen
	kept    int64     // the one seen before
	moved   time.Time // when the first bytes were seen to have come
	updated time.Time // when the last ones had
	lacked  time.Time // last reading that had neither it nor the blob: it is being committed
}

// commitSeen is what was seen of a blob in the content store.
type commitSeen struct {
	committed time.Time
	shown     time.Time // when the commit was over, where it took long or an event told
	stored    bool      // a reading told that it is committed, not an event alone
	shared    bool      // taken over from another namespace
	discarded bool      // thrown away before it was seen: committed is when it was unpacked
}

// learn merges one reading of a blob of a pull that was created at a time.
func (b *blob) learn(r Blob, created time.Time) {
	b.held, b.opening = b.held || r.Held, r.Opening
	b.stored = b.stored || !r.Committed.IsZero()
	b.shared = b.shared || r.Shared
	if b.committed.IsZero() && !r.Committed.IsZero() {
		b.committed = later(r.Committed, b.opened) // no commit is older than its ingest
		if b.lacked.Sub(b.committed) > longCommit {
			b.shown = b.lacked
		}
	}
	b.open = r.Ingest != nil && b.committed.IsZero()
	if !b.open {
		return
	}
	if !r.Ingest.Started.Equal(b.started) {
		b.base = 0 // a new one: what the last had was collected as garbage
	}
	b.started = r.Ingest.Started
	if !b.ours && r.Ingest.Started.Before(created) {
		// An ingest that is older than the pull is of an earlier one, or was
		// left by it and is resumed: what it had is not fetched again.
		b.base = r.Ingest.Offset
		if b.guessed = r.Ingest.Updated.After(created); b.guessed && r.Ingest.Seen {
			b.base = min(r.Ingest.Before, b.base)
		}
	}
	if r.Held && !b.ours {
		b.ours, b.sawOpen = true, true
		b.opened = later(r.Ingest.Started, created)
		b.offset, b.moved = b.base, time.Time{}
	}
	if r.Ingest.Offset > b.offset {
		b.kept = max(b.offset, b.base)
		b.offset = r.Ingest.Offset
		b.updated = later(b.updated, r.Ingest.Updated)
		if b.moved.IsZero() {
			b.moved = b.updated
		}
	}
}

// lack takes note of a reading, asked for at a time, that had neither the blob nor
// its ingest.
func (b *blob) lack(held bool, asked time.Time) {
	if !held {
		b.missing = asked
	}
	if b.sawOpen {
		b.lacked = asked
	}
}

// longCommit is a commit that is worth a word. Most take a few milliseconds.
const longCommit = 20 * time.Millisecond

// done is when the blob's commit was over, zero if it is not. containerd takes the
// time of a commit at its begin (metadata/content.go:704 @v2.4.2) and shows the blob,
// and tells of it, when its database has it: a slow disk keeps the two seconds apart.
func (b *blob) done() time.Time {
	if b.committed.IsZero() {
		return b.committed
	}
	return later(b.committed, b.shown)
}

// doneUnseen tells that done is as of the last reading without the blob, or of when
// it was unpacked.
func (b *blob) doneUnseen() bool {
	return b.discarded || (!b.shown.IsZero() && b.shown.Equal(b.lacked))
}

// cached tells whether the blob was there before the pull, if only in another
// namespace.
func (b *blob) cached(created time.Time) bool {
	return !b.committed.IsZero() && (b.shared || b.committed.Before(created))
}

// downloaded is how many bytes of the blob this pull has fetched.
func (b *blob) downloaded() int64 {
	switch {
	case !b.ours:
		return 0
	case !b.committed.IsZero():
		return max(b.Size-b.base, 0)
	case b.Size == 0:
		return max(b.offset-b.base, 0)
	default:
		return min(max(b.offset-b.base, 0), max(b.Size-b.base, 0))
	}
}
