package semconv

import standard "go.opentelemetry.io/otel/semconv/v1.43.0"

// RegistryOther is the value of [RegistryKey] that stands for every registry past
// the number that is told apart, and for one that is not known.
const RegistryOther = "_OTHER"

// What a running pull is doing.
var (
	// PhaseResolving is a pull whose size is not known yet.
	PhaseResolving = PhaseKey.String("resolving")
	// PhaseQueued is a pull that waits for download slots which others hold.
	PhaseQueued = PhaseKey.String("queued")
	// PhaseDownloading is a pull that has bytes to fetch.
	PhaseDownloading = PhaseKey.String("downloading")
	// PhaseUnpacking is a pull that has fetched all and has layers to unpack.
	PhaseUnpacking = PhaseKey.String("unpacking")
)

// How a pull ended.
var (
	// OutcomeSuccess is a pull after which the runtime recorded the image.
	OutcomeSuccess = OutcomeKey.String("success")
	// OutcomeFailure is a pull that ended without.
	OutcomeFailure = OutcomeKey.String("failure")
	// OutcomeUnknown is one of several pulls of an image of which the runtime
	// recorded fewer than there were, one that ended without a record and had nothing
	// to fetch or unpack, or one that nobody drives any more.
	OutcomeUnknown = OutcomeKey.String("unknown")
)

// Where a layer is on its way to the node.
var (
	// LayerStateQueued is a layer that waits for its turn.
	LayerStateQueued = LayerStateKey.String("queued")
	// LayerStateDownloading is a layer that is being fetched.
	LayerStateDownloading = LayerStateKey.String("downloading")
	// LayerStateDownloaded is a layer that was fetched and is not unpacked.
	LayerStateDownloaded = LayerStateKey.String("downloaded")
	// LayerStateUnpacking is a layer that is being unpacked.
	LayerStateUnpacking = LayerStateKey.String("unpacking")
	// LayerStateDone is a layer that the pull has unpacked.
	LayerStateDone = LayerStateKey.String("done")
	// LayerStateCached is a layer that did not have to be fetched.
	LayerStateCached = LayerStateKey.String("cached")
	// LayerStateLazy is a layer that a remote snapshotter mounted without its content.
	LayerStateLazy = LayerStateKey.String("lazy")
)

// What an export was to deliver.
var (
	// ExportSignalMetrics is an export of metrics.
	ExportSignalMetrics = ExportSignalKey.String("metrics")
	// ExportSignalTraces is an export of spans.
	ExportSignalTraces = ExportSignalKey.String("traces")
	// ExportSignalLogs is an export of lifecycle events.
	ExportSignalLogs = ExportSignalKey.String("logs")
)

// Why a pull or a poll failed.
var (
	// ErrorTypeNotFound is an image, or a blob of it, that the registry does not have.
	ErrorTypeNotFound = standard.ErrorTypeKey.String("not_found")
	// ErrorTypeUnauthorized is a registry that wants other credentials, or forbids.
	ErrorTypeUnauthorized = standard.ErrorTypeKey.String("unauthorized")
	// ErrorTypeRateLimited is a registry that was asked too often.
	ErrorTypeRateLimited = standard.ErrorTypeKey.String("rate_limited")
	// ErrorTypeConnection is a registry or a runtime that cannot be reached.
	ErrorTypeConnection = standard.ErrorTypeKey.String("connection")
	// ErrorTypeTimeout is a registry or a runtime that did not answer in time.
	ErrorTypeTimeout = standard.ErrorTypeKey.String("timeout")
	// ErrorTypeDNS is a registry whose name is not found.
	ErrorTypeDNS = standard.ErrorTypeKey.String("dns")
	// ErrorTypeTLS is a registry whose certificate or protocol is not trusted.
	ErrorTypeTLS = standard.ErrorTypeKey.String("tls")
	// ErrorTypeNoSpace is a node whose disk is full.
	ErrorTypeNoSpace = standard.ErrorTypeKey.String("no_space")
	// ErrorTypeChecksum is content that is not what its digest says.
	ErrorTypeChecksum = standard.ErrorTypeKey.String("checksum")
	// ErrorTypeRejected is an image that a verifier or a policy does not let in.
	ErrorTypeRejected = standard.ErrorTypeKey.String("rejected")
	// ErrorTypeUnpack is a layer that cannot be unpacked.
	ErrorTypeUnpack = standard.ErrorTypeKey.String("unpack")
	// ErrorTypeAbandoned is a pull that nobody drives any more; its outcome is unknown.
	ErrorTypeAbandoned = standard.ErrorTypeKey.String("abandoned")
	// ErrorTypeOther is a failure whose reason is not known.
	ErrorTypeOther = standard.ErrorTypeOther
)

// What was left out because there was too much of it.
var (
	// LimitKindEvent are events of the runtime, which came faster than they were handled.
	LimitKindEvent = LimitKindKey.String("event")
	// LimitKindRecord are image records, whose events came faster than they may be asked for.
	LimitKindRecord = LimitKindKey.String("record")
	// LimitKindLease are leases of a namespace of the runtime.
	LimitKindLease = LimitKindKey.String("lease")
	// LimitKindLayer are layers of a manifest, which are reported in sums.
	LimitKindLayer = LimitKindKey.String("layer")
	// LimitKindBlob are blobs of a pull whose manifest cannot be read.
	LimitKindBlob = LimitKindKey.String("blob")
	// LimitKindWaiter are containers and image volumes that wait for an image.
	LimitKindWaiter = LimitKindKey.String("waiter")
	// LimitKindFailure are failed calls for an image, of which it was not known yet which pull's they are.
	LimitKindFailure = LimitKindKey.String("failure")
)
