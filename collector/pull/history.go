package pull

import (
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
	before   []*blob                 // manifests below an index, which have waited for slots as well
	chains   map[digest.Digest]*chain
	records  []Event // of the root, as stored

	alsoRoots []digest.Digest // which a record may name instead of the root

	rest          restSeen // layers in sums
	omittedLayers int      // as counted
	omittedBlobs  int

	record *Event // that ended it
	second bool   // it was written by digest, too

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
	switch {
	case !r.Gone:
		h.listed = o.Asked
	case h.listed.IsZero():
		h.listed = r.Listed
	}
	h.image.learn(r.Image)
	h.learnManifest(r.Manifest, o.Time)
	if h.rootSeen.IsZero() && h.image.Root != "" {
		h.rootSeen = o.Time
	}
	h.records = append(h.records, r.Records...)
	h.alsoRoots = r.AlsoRoots
	h.rest.learn(r.Rest, o.Time)
	h.root.Digest = h.image.Root
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
			b = &blob{Descriptor: Descriptor{Digest: d}, lastReading: lastReading{unnamed: true}}
			h.blobs[d] = b
		}
		if b.unnamed {
			b.Size = max(b.Size, read.Size)
			b.document = read.Document // it may be known to be none once a layer has come
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
func (h *history) learnManifest(m *Manifest, now time.Time) {
	if before := h.manifest; m == nil || (before != nil && before.ChainIDs != nil &&
		len(m.Layers)+m.Rest.Layers <= len(before.Layers)+before.Rest.Layers) {
		return
	}
	for _, d := range m.blobs() {
		d.Size = max(d.Size, 0)
		if b := h.blobs[d.Digest]; b == nil {
			h.blobs[d.Digest] = &blob{Descriptor: d}
		} else {
			b.Descriptor, b.unnamed, b.document = d, false, false
		}
	}
	for d, b := range h.blobs {
		if !b.unnamed {
			continue
		}
		if b.document && b.ours && b.sawOpen {
			b.open = false
			if b.committed.IsZero() {
				b.committed = now // at the latest
			}
			h.before = append(h.before, b)
		}
		delete(h.blobs, d)
	}
	for _, id := range m.ChainIDs {
		if h.chains[id] == nil {
			h.chains[id] = &chain{}
		}
	}
	h.manifest = m
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
