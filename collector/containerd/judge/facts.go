package judge

import (
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/limits"
)

// Kind is what a [Want] asks for.
type Kind int

// The kinds of wants, with the field of the [Answer] that answers it.
const (
	WantInfo     Kind = iota // Info: a committed blob
	WantDocument             // Bytes: the content of an index or manifest
	WantConfig               // Bytes: the content of a config
	WantSnapshot             // Time: when a snapshot was committed, by its chain ID
	WantShared               // Shared: whether another namespace had a blob before a time
	WantRecords              // Records: of a root, unless an event of one came since a time
)

// Want is something that a look wants to know of containerd.
type Want struct {
	Kind        Kind
	Digest      digest.Digest
	Size        int64     // of a document or config, in bytes
	Snapshotter string    // of a snapshot
	Since       time.Time // of a shared blob and of records
	Until       time.Time // of records; zero without an end

	lease *lease
}

// Answer is what containerd says to a [Want]. The zero Answer means that it has nothing
// of the kind.
type Answer struct {
	Info    content.Info
	Bytes   []byte
	Time    time.Time
	Shared  bool
	Records []Record
}

// facts are what was read of what one lease lists. A blob may be collected as garbage and
// fetched again by the next pull, so each lease has facts of its own.
type facts struct {
	infos     map[digest.Digest]*infoFact
	documents map[digest.Digest]*document
	chainIDs  map[digest.Digest]*chainsFact // by config
	unread    map[digest.Digest]int         // documents and configs, with the look that could not read them
	snapshots map[digest.Digest]*snapshotFact
	shared    map[digest.Digest]bool
	unvisited map[digest.Digest]bool         // blobs that a look found not to be visited
	opened    map[digest.Digest]bool         // blobs whose ingest was open, in whichever lease
	records   map[digest.Digest]*recordsFact // by root
}

// infoFact is a blob in the content store. Info is zero while it is not there.
type infoFact struct {
	content.Info
	look         int       // the last one that asked
	first, asked time.Time // when it was asked for at first and at last
}

// chainsFact are the chain IDs that a config says, nil where it is none, and of how many
// layers it is.
type chainsFact struct {
	ids    []digest.Digest
	layers int
}

type snapshotFact struct {
	committed time.Time // zero while it is not
	look      int       // the last one that asked
	asked     time.Time
}

type recordsFact struct {
	records []Record
	look    int // the last one that asked
}

func newFacts() facts {
	return facts{
		infos:     make(map[digest.Digest]*infoFact),
		documents: make(map[digest.Digest]*document),
		chainIDs:  make(map[digest.Digest]*chainsFact),
		unread:    make(map[digest.Digest]int),
		snapshots: make(map[digest.Digest]*snapshotFact),
		shared:    make(map[digest.Digest]bool),
		unvisited: make(map[digest.Digest]bool),
		opened:    make(map[digest.Digest]bool),
		records:   make(map[digest.Digest]*recordsFact),
	}
}

// info is a committed blob, as it was when it was last asked for; zero where it is not
// there.
func (f *facts) info(d digest.Digest) content.Info {
	if known := f.infos[d]; known != nil {
		return known.Info
	}
	return content.Info{}
}

// wasOpen tells that an ingest of a blob was seen since the lease was met.
func (l *lease) wasOpen(d digest.Digest) bool { return l.opened[d] || l.kinds[d] != "" }

// A blob that had no labels when it was last asked for is asked for again. They come a
// moment after it, on a slow disk or of a large manifest many seconds: it is asked at once at
// first, and then ever more rarely, a minute apart at the most. A lease that lists but few
// blobs may be a pull that begins, and is not kept waiting for longer than labelGap at first.
const (
	fewBlobs   = 8
	labelGap   = 500 * time.Millisecond
	labelsFrom = 10 * time.Second
)

func (i *infoFact) isDue(now time.Time, listed int) bool {
	gap := i.asked.Sub(i.first)
	if listed <= fewBlobs && gap < labelsFrom {
		gap = min(gap, labelGap)
	}
	return now.Sub(i.asked) >= min(gap, limits.QuietLease)
}

// Take takes the answer to one of the wants.
func (k *Look) Take(w Want, a Answer) {
	f := &w.lease.facts
	switch w.Kind {
	case WantInfo:
		known := f.infos[w.Digest]
		if known == nil {
			known = &infoFact{first: k.now}
			f.infos[w.Digest] = known
		}
		known.look, known.asked = k.number, k.now
		if a.Info.Digest != "" {
			known.Info = a.Info
		}
	case WantDocument, WantConfig:
		k.takeBytes(f, w, a.Bytes)
	case WantSnapshot:
		f.snapshots[w.Digest] = &snapshotFact{a.Time, k.number, k.now}
	case WantShared:
		f.shared[w.Digest] = a.Shared
	case WantRecords:
		f.records[w.Digest] = &recordsFact{a.Records, k.number}
	}
}

// takeBytes takes the content of a document or a config. What is none of the two stays
// none; what could not be read, for it is gone again, may be read by another look.
func (k *Look) takeBytes(f *facts, w Want, b []byte) {
	switch {
	case b == nil:
		f.unread[w.Digest] = k.number
	case w.Kind == WantDocument:
		doc, err := parseDocument(b)
		if err != nil {
			doc = document{}
		}
		f.documents[w.Digest] = &doc
	default:
		ids, layers, err := parseChainIDs(b)
		if err != nil {
			ids = nil // the pull has no unpack to report
		}
		f.chainIDs[w.Digest] = &chainsFact{ids, layers}
	}
}

// want notes what is to be asked for, once.
func (k *Look) want(l *lease, w Want) {
	w.lease = l
	if !k.closing && !k.wanted[w] {
		k.wanted[w] = true
		k.wants = append(k.wants, w)
	}
}

// info is a committed blob, zero where it is not there. It is asked for once if it is
// there, and at each look as long as it is not and the lease is there.
func (k *Look) info(l *lease, d digest.Digest) content.Info {
	known := l.infos[d]
	if known == nil || (known.Digest == "" && known.look != k.number && !l.goneAtLook(known.asked)) {
		k.want(l, Want{Kind: WantInfo, Digest: d})
	}
	return l.info(d)
}

// freshInfo is a committed blob as it is now.
func (k *Look) freshInfo(l *lease, d digest.Digest) content.Info {
	if known := l.infos[d]; known == nil || known.look != k.number {
		k.want(l, Want{Kind: WantInfo, Digest: d})
	}
	return l.info(d)
}

// document is an index or manifest: nil until it was read, and empty if it is none or too
// large.
func (k *Look) document(l *lease, d digest.Digest) *document {
	if doc := l.documents[d]; doc != nil {
		return doc
	}
	switch info := k.info(l, d); {
	case info.Digest == "", l.unread[d] == k.number:
		return nil
	case info.Size > limits.Document:
		l.documents[d] = &document{}
	default:
		k.want(l, Want{Kind: WantDocument, Digest: d, Size: info.Size})
	}
	return l.documents[d]
}

// chains are the chain IDs of an image of so many layers, by its config: not known until
// it was read, and nil where it has none.
func (k *Look) chains(l *lease, config digest.Digest, layers int) (ids []digest.Digest, known bool) {
	if fact := l.chainIDs[config]; fact != nil {
		if fact.layers != layers {
			return nil, true
		}
		return fact.ids, true
	}
	switch info := k.info(l, config); {
	case info.Digest == "", l.unread[config] == k.number:
	case info.Size > limits.Document:
		l.chainIDs[config] = &chainsFact{}
	default:
		k.want(l, Want{Kind: WantConfig, Digest: config, Size: info.Size})
	}
	return nil, false
}

// committed is when a snapshot was committed, zero if that is not known. It is asked for
// once, and again at this look where that is said.
func (k *Look) committed(l *lease, chain digest.Digest, snapshotter string, again bool) time.Time {
	known := l.snapshots[chain]
	if known == nil || (known.committed.IsZero() && again && known.look != k.number && !l.goneAtLook(known.asked)) {
		k.want(l, Want{Kind: WantSnapshot, Digest: chain, Snapshotter: snapshotter})
	}
	if known == nil {
		return time.Time{}
	}
	return known.committed
}

// stored are the image records of a root that were written since a time and that no
// event reported.
func (k *Look) stored(l *lease, root digest.Digest, since time.Time) []Record {
	known := l.records[root]
	if known == nil || known.look != k.number {
		k.want(l, Want{Kind: WantRecords, Digest: root, Since: since, Until: l.goneAt})
		return nil
	}
	return known.records
}
