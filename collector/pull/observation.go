package pull

import (
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
)

// Observation is what a runtime shows of its pulls at one moment: the level,
// as opposed to an [Event], which is an edge.
type Observation struct {
	Asked time.Time // when it was begun: nothing that it lacks came before
	Time  time.Time // when it was complete: nothing in it is later
	Pulls []Reading

	Daemon string // which one it is, over all its runs

	// Unread are the namespaces that could not be read. Nothing is known of their pulls,
	// which are as they were.
	Unread []Unread

	// Stepped is by how much the wall clock was set since the last observation.
	Stepped time.Duration

	// Slots is how many downloads the runtime lets run at once over all pulls.
	// A blob whose ingest is open may then still wait for a slot. 0 means that
	// an open ingest has its slot.
	Slots int

	// CommitEvents tells that the runtime tells of each blob that is committed.
	CommitEvents bool

	// Candidates is how many things the runtime lists that may turn out to be
	// pulls. They are worth a closer look, and no more.
	Candidates int

	// Omitted is what was left out since the last observation, by kind.
	Omitted map[Omitted]int
}

// Unread is a namespace that could not be read, and why.
type Unread struct {
	Namespace string
	Err       error
}

func (o *Observation) isUnread(namespace string) bool {
	return slices.ContainsFunc(o.Unread, func(u Unread) bool { return u.Namespace == namespace })
}

// Reading is what a runtime shows of one pull. Every field but ID and Created
// may be missing in one reading and there in the next; a Reading that lacks
// what an earlier one had takes nothing back.
type Reading struct {
	ID      ID
	Created time.Time

	// StartUnknown tells that Created is not when the pull began, but the first
	// sign that is left of it.
	StartUnknown bool

	// Orchestrated tells that it is where the orchestrator's pulls are.
	Orchestrated bool

	// Gone is set in the last reading of a pull, when the runtime no longer
	// lists it. The rest then is what it left behind.
	Gone bool

	// Lost is set in the last reading of a pull that ended because the runtime
	// itself did: when that was first missed.
	Lost time.Time

	// Listed is when the runtime was last seen to list it.
	Listed time.Time

	Image Image

	// AlsoRoots are digests under which the runtime may record the image instead of that
	// of its root: of manifests that it made of the one that it fetched.
	AlsoRoots []digest.Digest

	Root     Blob                       // the index or manifest that the name resolved to
	Manifest *Manifest                  // nil until it could be read
	Blobs    map[digest.Digest]Blob     // config and layers; without a Manifest, what the pull brings
	Chains   map[digest.Digest]Snapshot // committed snapshots by chain ID
	Rest     int64                      // By of the Manifest's Rest that the pull's lease lists
	Omitted  int                        // blobs that the pull brings and that are not in Blobs

	// Records are the image records of this root, as ImageStored events, if
	// they were looked up. They stand in for events that were lost.
	Records []Event
}

// Blob is the state of one blob in the content store.
type Blob struct {
	Held      bool      // this pull's lease lists the blob or its ingest
	Opening   bool      // it lists the ingest, whether that is open or not
	Committed time.Time // zero while it is not in the store
	Shared    bool      // taken over from another namespace of the runtime
	Ingest    *Ingest   // nil while none is open

	// Of a blob that no manifest names.
	Size     int64 // By; 0 where it is not known
	Document bool  // an index or manifest, whose bytes are not the image's
}

// Ingest is a blob on its way into the content store.
type Ingest struct {
	Offset  int64     // By written; for containerd in steps of 1 MiB
	Started time.Time // opened; survives a resume
	Updated time.Time // last write
	Seen    bool      // at the observation before
	Before  int64     // By written then
}

// Snapshot is a committed snapshot.
type Snapshot struct {
	Held    bool      // this pull's lease lists it
	Created time.Time // committed
}

// EventKind is what happened in an [Event].
type EventKind int

// The kinds of events.
const (
	ImageStored       EventKind = iota // an image record was written: Image, whose root is Digest
	BlobCommitted                      // Digest came into the content store
	SnapshotPrepared                   // unpacking the layer with chain ID Digest began, or waits for its blob
	SnapshotCommitted                  // the layer with chain ID Digest is unpacked
	SnapshotRemoved                    // unpacking the layer with chain ID Digest was given up
	EventsLost                         // the stream of events broke, or some were dropped: some may be missing
)

// Event is something that happened in a runtime, at the time the runtime says.
// Events may be lost, late or out of order.
type Event struct {
	Time      time.Time
	Namespace string
	Kind      EventKind
	Digest    digest.Digest
	Image     Image // of an ImageStored event
	Lost      int   // of EventsLost: how many were dropped, as far as that is known
}
