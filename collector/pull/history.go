package pull

import (
	"maps"
	"time"

	"github.com/opencontainers/go-digest"
)

// history is all that readings have told of one pull, merged. It only ever
// learns: a later reading that knows less takes nothing back.
type history struct {
	id       ID
	created  time.Time
	image    Image
	root     blob
	rootSeen time.Time // first reading that had the root
	manifest *Manifest
	blobs    map[digest.Digest]*blob // config and layers
	chains   map[digest.Digest]*chain
	records  []Event // of the root, as stored

	alsoRoots []digest.Digest // which a record may name instead of the root

	record *Event // that ended it

	orchestrated bool // it may be the orchestrator's
	waiters      map[waiterKey]Waiter
	caller       *waiterKey // of waiters, whose call it is
	attempt      *Attempt   // that it was, and that failed

	moved   time.Time     // last movement, or last time it waited for others that move
	stalled bool          // as told before
	speed   speed         // of what it fetches
	quiet   time.Duration // that it was seen not to move
	left    time.Time     // when another pull was found to write its ingests
	reached float64       // highest progress
	listed  time.Time     // when it was last asked for and there
	gone    time.Time     // when the runtime was first seen without it
	lost    bool          // the runtime itself ended then
	stepped bool          // the wall clock was set meanwhile
	late    bool          // it began before created
	inert   bool          // it has ended, and did nothing that is known
	waits   bool          // for an earlier pull to be settled, which may have brought what it holds
}

// blob is what is known of one blob of a pull.
type blob struct {
	Descriptor           // its size is 0 where it is not known
	unnamed    bool      // by a manifest
	document   bool      // an index or manifest, whose bytes are not the image's
	held       bool      // the lease lists it
	open       bool      // its ingest was in the last reading
	opening    bool      // the lease listed its ingest then, whether it was open or not
	ours       bool      // this pull fetches it; else another one does, or it was there
	sawOpen    bool      // this pull's ingest was seen
	started    time.Time // of the ingest last seen, whoever opened it
	base       int64     // offset that an earlier, given-up pull had reached
	guessed    bool      // base is: somebody had written since it was last seen
	offset     int64     // highest seen
	kept       int64     // the one seen before
	missing    time.Time // last reading that had neither its ingest nor the blob
	opened     time.Time // of the ingest, not before the pull
	moved      time.Time // when the first bytes were seen to have come
	updated    time.Time // when the last ones had
	committed  time.Time
	lacked     time.Time // last reading that had neither after its ingest was seen: it is being committed
	shown      time.Time // when the commit was over, where it took long or an event told
	stored     bool      // a reading told that it is committed, not an event alone
	shared     bool      // taken over from another namespace
	discarded  bool      // thrown away before it was seen: committed is when it was unpacked
	pace
}

// chain is what is known of one layer's snapshot.
type chain struct {
	ours      bool // this pull unpacked it
	lazy      bool // it came during the pull, and no blob did
	held      bool
	committed time.Time
}

func newHistory(r Reading) *history {
	return &history{
		id: r.ID, created: r.Created, late: r.StartUnknown, moved: r.Created, orchestrated: r.Orchestrated,
		waiters: make(map[waiterKey]Waiter),
		blobs:   make(map[digest.Digest]*blob), chains: make(map[digest.Digest]*chain),
	}
}

// learn merges one reading of an observation.
func (h *history) learn(r Reading, o Observation) {
	if !r.Gone {
		h.listed = o.Asked
	}
	h.image.learn(r.Image)
	h.learnManifest(r.Manifest)
	if h.rootSeen.IsZero() && h.image.Root != "" {
		h.rootSeen = o.Time
	}
	h.records = append(h.records, r.Records...)
	h.alsoRoots = r.AlsoRoots
	h.root.learn(r.Root, h.created)
	h.learnUnnamed(r)
	for d, b := range h.blobs {
		read, ok := r.Blobs[d]
		b.learn(read, h.created)
		if ok && !r.Gone && read.Committed.IsZero() && read.Ingest == nil {
			b.lack(read.Held, o.Asked)
		}
	}
	for id, c := range h.chains {
		s := r.Chains[id]
		c.held = c.held || s.Held
		if c.committed.IsZero() {
			c.committed = s.Created
		}
	}
	if r.Gone && h.gone.IsZero() {
		h.gone = o.Time
		if !r.Lost.IsZero() {
			h.gone, h.lost = earlier(o.Time, r.Lost), true
		}
	}
}

// learnUnnamed takes the blobs that the pull brings and no manifest names: one that lies
// below an index on its way, or all of them where none can be read.
func (h *history) learnUnnamed(r Reading) {
	for d, read := range r.Blobs {
		b := h.blobs[d]
		if b == nil {
			if h.manifest != nil {
				continue
			}
			b = &blob{Descriptor: Descriptor{Digest: d}, unnamed: true}
			h.blobs[d] = b
		}
		if b.unnamed {
			b.Size = max(b.Size, read.Size)
			b.document = b.document || read.Document
		}
	}
}

// learn takes what was not known. The first name that is told stays until the
// image record brings the full one, so that live series keep their name.
func (i *Image) learn(o Image) {
	if i.Name == "" {
		i.Name, i.Registry = o.Name, o.Registry
	}
	if i.Tag == "" {
		i.Tag = o.Tag
	}
	if i.Root == "" {
		i.Root = o.Root
	}
}

// learnManifest takes a manifest, or one that tells more: the chains, or the layers
// of a further platform.
func (h *history) learnManifest(m *Manifest) {
	if m == nil || (h.manifest != nil && h.manifest.ChainIDs != nil && len(m.Layers) <= len(h.manifest.Layers)) {
		return
	}
	for _, d := range m.blobs() {
		d.Size = max(d.Size, 0)
		if b := h.blobs[d.Digest]; b == nil {
			h.blobs[d.Digest] = &blob{Descriptor: d}
		} else {
			b.Descriptor, b.unnamed = d, false
		}
	}
	maps.DeleteFunc(h.blobs, func(_ digest.Digest, b *blob) bool { return b.unnamed })
	for _, id := range m.ChainIDs {
		if h.chains[id] == nil {
			h.chains[id] = &chain{}
		}
	}
	h.manifest = m
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

// chainOf is what is known of the snapshot of layer i, nil while the config
// was not read.
func (h *history) chainOf(i int) (digest.Digest, *chain) {
	if i >= len(h.manifest.ChainIDs) {
		return "", nil
	}
	id := h.manifest.ChainIDs[i]
	return id, h.chains[id]
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
