// Package limits has every bound on what Pulltrace keeps, asks for and exports. What is
// beyond one is left out, and counted in pulltrace.limit.omitted where anything is missed by
// that. docs/limits.md says of each what happens beyond it.
package limits

import "time"

// What is kept of the pulls that run and of those that have ended.
const (
	Events      = 16384 // of the runtime, until no running pull may ask for them
	Claims      = 16384 // blobs and snapshots, with the pull that brought them
	EndedPulls  = 8192  // remembered for 10 minutes, so that none is reported twice
	Downloads   = 1024  // of ended pulls, as long as a running one may have waited for their slots
	Waiters     = 1000  // containers and image volumes that wait for an image
	Failures    = 1000  // that Kubernetes reports, until it is known which pull they are of
	Unexplained = 256   // failed pulls that wait for Kubernetes to say why
)

// What is looked at of a runtime.
const (
	Leases        = 2000 // of a namespace, the newest ones
	Layers        = 1000 // of a manifest, one by one; the rest in sums
	Manifests     = 1000 // of an index
	Blobs         = 1000 // of a pull whose manifest cannot be read
	IndexDepth    = 8    // of indexes in indexes
	WaitingEvents = 2048 // received and not handled yet
	SeenLeases    = 256  // seen as an event came, until the next poll
	SeenRecords   = 64   // image records of a namespace, until the next poll

	Document   = 4 * 1048 * 1048 // bytes of an index, manifest or config: containerd's own limit (core/remotes/docker/resolver.go:64 @v2.4.2)
	ImageBytes = 1 << 50         // that the sizes in a manifest may add up to
)

// How much a runtime is asked.
const (
	CallTime          = 3 * time.Second        // of one call
	LookTime          = 2 * time.Second        // that a look at a namespace asks for details; the next one goes on
	OthersTime        = 500 * time.Millisecond // that a look asks for what leases hold that are no pulls; the next one goes on
	EventPause        = 250 * time.Millisecond // after a look that an event has caused: as long as that took, but no longer
	OtherCalls        = 20                     // for what leases hold that are no pulls and list nothing new, at once
	OtherCallsPerSec  = 2                      // from then on
	RecordCalls       = 100                    // for image records, at once
	RecordCallsPerSec = 10                     // from then on
	QuietLease        = time.Minute            // between two questions for what a lease holds that is no pull
)

// What is read of Kubernetes.
const (
	PodList = 64 << 20 // bytes of an answer
	Message = 4 << 10  // bytes of a message that says why a pull failed
)

// Registries are those that have series of their own; all others are _OTHER.
const Registries = 64
