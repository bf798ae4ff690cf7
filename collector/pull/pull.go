// Package pull is the domain of Pulltrace: what an image pull is, and how the
// observations of a container runtime become pulls.
//
// It is pure. Sources hand it what they saw ([Observation], [Event]), the
// [Tracker] turns that into pulls ([Pull]), and reporters read them. Nothing
// here does I/O or asks a clock, so that every odd history is a table test.
package pull

import (
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
)

// ID is the runtime's own identity of one pull. It survives a restart of
// Pulltrace, and two callers that pull the same image have two of them.
type ID struct {
	Daemon    string // the runtime instance, for containerd its UUID
	Namespace string
	Lease     string
	Created   int64         // of the lease, as Unix time in ns: its ID may be used again
	Root      digest.Digest // of the image: a client may pull several under one lease
	Again     int           // how often it was abandoned before, and moved again
}

// Image is what is known of the image that is pulled. Any field may be empty:
// a runtime knows the repository early and the tag often only at the end.
type Image struct {
	Name     string        // registry and repository without a tag: docker.io/library/nginx
	Registry string        // host of the registry without a port: docker.io
	Tag      string        // as asked for
	Root     digest.Digest // index, or the manifest where there is no index
}

// Phase is what a running pull is doing.
type Phase string

// The phases, in the order in which a pull goes through them. A pull that waits
// for download slots which others hold is queued.
const (
	Resolving   Phase = "resolving"
	Queued      Phase = "queued"
	Downloading Phase = "downloading"
	Unpacking   Phase = "unpacking"
)

// Phases lists every [Phase].
var Phases = []Phase{Resolving, Queued, Downloading, Unpacking}

// Outcome is how a pull ended.
type Outcome string

// The outcomes. Unknown is said when several pulls of one image ended and the
// runtime recorded fewer of them than there were, of what ended without a record and
// had nothing to fetch or to unpack, and of what nobody drives any more. That a pull was canceled nobody tells: the
// kubelet ends none, not even if all pods that wait for it are deleted.
const (
	Success Outcome = "success"
	Failure Outcome = "failure"
	Unknown Outcome = "unknown"
)

// Estimate names a time or number of a pull that the runtime did not tell and
// that was inferred instead.
type Estimate string

// What can be estimated.
const (
	PullStart     Estimate = "pull.start"
	PullPods      Estimate = "pull.pods"
	ResolveEnd    Estimate = "resolve.end"
	DownloadStart Estimate = "download.start"
	DownloadEnd   Estimate = "download.end"
	DownloadBytes Estimate = "download.bytes"
	UnpackStart   Estimate = "unpack.start"
	UnpackEnd     Estimate = "unpack.end"
	PullEnd       Estimate = "pull.end"
)

// Pull is one image pull as it stood at one moment.
type Pull struct {
	ID    ID
	Image Image

	Start    time.Time // the lease was created
	Resolved time.Time // the root descriptor was known; zero while resolving
	End      time.Time // last sign of the pull in the runtime; zero while it runs

	Phase   Phase     // of a running pull
	Outcome Outcome   // of an ended pull, else empty
	Err     ErrorType // of a failed or an abandoned pull
	Message string    // of the runtime, why it failed; empty if nobody told

	ConfigDigest digest.Digest // the image ID; empty until the manifest was read
	Layers       []Layer       // in manifest order; nil until the manifest was read
	MoreLayers   int           // of the manifest, of which there are too many to be in Layers

	// Bytes count the config and each distinct layer once.
	TotalKnown bool  // false until the manifest was read, or if no number can hold the sum
	Size       int64 // By; 0 while not TotalKnown
	Downloaded int64 // By fetched over the network by this pull
	Cached     int64 // By that were on the node before, or came there by another pull
	Lazy       int64 // By of lazy layers, which are fetched when they are read, if at all

	Rate      float64       // By/s over the last seconds
	Remaining time.Duration // estimate; negative while unknown
	Idle      time.Duration // since a byte, a commit or an unpack step
	Stalled   bool          // idle for longer than the threshold

	// Queued is how long an ended pull had no download slot while it had
	// something to fetch: the time that others held it up. Negative where it had
	// nothing to fetch.
	Queued time.Duration

	// Pods are who waits for the image now, or, of an ended pull, who waited for it.
	// While several tags of the repository are waited for and it is not known whose it
	// is, a running pull has all of them, and an ended one none.
	Pods []Waiter

	// Waited is how long a pod had to wait before the orchestrator began the pull, to a
	// second. Negative where it is not known.
	Waited time.Duration

	Estimated []Estimate // sorted, of the pull as a whole

	reached float64 // progress, as told before
	open    bool    // a blob that it fetches is not committed yet
}

// Progress is the part of the image that is on the node, or need not be, 0 to 1.
// It never falls. It is not ok while the size is unknown. The last byte counts
// once its blob is committed: until then its digest may turn out to be wrong.
func (p *Pull) Progress() (ratio float64, ok bool) {
	switch {
	case !p.TotalKnown:
		return 0, false
	case p.Size == 0:
		return 1, true
	}
	there := p.Size - p.missing()
	if p.open {
		there = min(there, p.Size-1)
	}
	return max(p.reached, float64(there)/float64(p.Size)), true
}

// missing is how many bytes the pull has still to fetch.
func (p *Pull) missing() int64 { return p.Size - p.Downloaded - p.Cached - p.Lazy }

// Wasted is what an unsuccessful pull fetched and lost, in bytes.
func (p *Pull) Wasted() int64 {
	if p.Outcome == Failure {
		return p.Downloaded
	}
	return 0
}

// LayerState is where a layer is on its way to the node.
type LayerState string

// The states. Cached layers were on the node before the pull, or came there by
// another pull. Lazy ones a remote snapshotter mounted during the pull without
// their content.
const (
	LayerQueued      LayerState = "queued"
	LayerDownloading LayerState = "downloading"
	LayerDownloaded  LayerState = "downloaded"
	LayerUnpacking   LayerState = "unpacking"
	LayerDone        LayerState = "done"
	LayerCached      LayerState = "cached"
	LayerLazy        LayerState = "lazy"
)

// LayerStates lists every [LayerState].
var LayerStates = []LayerState{LayerQueued, LayerDownloading, LayerDownloaded, LayerUnpacking, LayerDone, LayerCached, LayerLazy}

// Layer is one layer of a pull.
type Layer struct {
	Descriptor
	Index      int // in the manifest, from 0
	State      LayerState
	Downloaded int64 // By fetched by this pull

	Opened   time.Time // its ingest was opened: from here it is queued until Download.Start
	Download Span      // slot got to blob committed
	Unpack   Span      // apply began to snapshot committed

	Estimated []Estimate // sorted
}

// Span is a stretch of time. The zero Span did not happen; an open one has a
// zero End.
type Span struct{ Start, End time.Time }

// Happened tells whether the span began.
func (s Span) Happened() bool { return !s.Start.IsZero() }

// Descriptor is what a manifest says of a blob.
type Descriptor struct {
	Digest    digest.Digest
	Size      int64 // By
	MediaType string
}

// Manifest is the content of an image: what a pull has to bring to the node.
type Manifest struct {
	Config   Descriptor
	Layers   []Descriptor
	ChainIDs []digest.Digest // of the layers' snapshots; nil until the config was read

	// Configs are those of further platforms that the pull brings as well. Their
	// layers follow on those of this one, and have no chain IDs.
	Configs []Descriptor

	// Rest are the layers of which there are too many to be reported one by one.
	Rest Rest
}

// Rest are layers in sums.
type Rest struct {
	Layers int
	Size   int64 // By
}

// blobs are the distinct blobs whose bytes a pull counts: configs and layers.
func (m *Manifest) blobs() []Descriptor {
	blobs := make([]Descriptor, 0, len(m.Layers)+1)
	seen := make(map[digest.Digest]bool, len(m.Layers)+1)
	for _, d := range slices.Concat([]Descriptor{m.Config}, m.Configs, m.Layers) {
		if !seen[d.Digest] {
			seen[d.Digest] = true
			blobs = append(blobs, d)
		}
	}
	return blobs
}

func addEstimate(list []Estimate, e Estimate) []Estimate {
	i, found := slices.BinarySearch(list, e)
	if found {
		return list
	}
	return slices.Insert(list, i, e)
}
