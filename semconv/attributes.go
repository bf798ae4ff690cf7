package semconv

import "go.opentelemetry.io/otel/attribute"

// Attributes of the image.
const (
	// RegistryKey is the host of the image's registry, without a port.
	RegistryKey = attribute.Key("pulltrace.registry")
	// ImageTagKey is the tag, as asked for.
	ImageTagKey = attribute.Key("pulltrace.image.tag")
	// NamespaceKey is the containerd namespace that the image is pulled into.
	NamespaceKey = attribute.Key("pulltrace.containerd.namespace")
)

// Attributes of a layer.
const (
	// LayerDigestKey is the layer's digest, as in the manifest.
	LayerDigestKey = attribute.Key("pulltrace.layer.digest")
	// LayerIndexKey is the layer's place in the manifest, from 0.
	LayerIndexKey = attribute.Key("pulltrace.layer.index")
	// LayerMediaTypeKey is the layer's media type, as in the manifest.
	LayerMediaTypeKey = attribute.Key("pulltrace.layer.media_type")
	// LayerSizeKey is the layer's size in bytes, as in the manifest.
	LayerSizeKey = attribute.Key("pulltrace.layer.size")
	// LayerStateKey is where a layer is on its way to the node.
	LayerStateKey = attribute.Key("pulltrace.layer.state")
	// LayerDownloadedKey is how many bytes of the layer the pull fetched.
	LayerDownloadedKey = attribute.Key("pulltrace.layer.bytes.downloaded")
	// LayerQueueTimeKey is how long the layer waited for a download slot, in seconds.
	LayerQueueTimeKey = attribute.Key("pulltrace.layer.time.queue")
)

// Attributes of a pull.
const (
	// PhaseKey is what a running pull is doing.
	PhaseKey = attribute.Key("pulltrace.pull.phase")
	// OutcomeKey is how a pull ended.
	OutcomeKey = attribute.Key("pulltrace.pull.outcome")
	// EstimatedKey lists what on a span was inferred, not told by the runtime.
	EstimatedKey = attribute.Key("pulltrace.estimated")

	// PullTotalKnownKey tells whether the size of the image became known.
	PullTotalKnownKey = attribute.Key("pulltrace.pull.total_known")
	// PullSizeKey is the size of config and layers in bytes.
	PullSizeKey = attribute.Key("pulltrace.pull.bytes.size")
	// PullDownloadedKey is how much of that the pull fetched, in bytes.
	PullDownloadedKey = attribute.Key("pulltrace.pull.bytes.downloaded")
	// PullCachedKey is how much it did not have to fetch, in bytes.
	PullCachedKey = attribute.Key("pulltrace.pull.bytes.cached")
	// PullLazyKey is how much of that belongs to layers that a remote snapshotter
	// brings when they are read, in bytes; absent where there are none.
	PullLazyKey = attribute.Key("pulltrace.pull.bytes.lazy")
	// PullWastedKey is how much it fetched and lost, in bytes.
	PullWastedKey = attribute.Key("pulltrace.pull.bytes.wasted")
	// PullLayersKey is how many layers the manifest has.
	PullLayersKey = attribute.Key("pulltrace.pull.layer.count")
	// PullLayersDownloadedKey is how many layers the pull fetched.
	PullLayersDownloadedKey = attribute.Key("pulltrace.pull.layer.downloaded")
	// PullLayersCachedKey is how many layers it found on the node.
	PullLayersCachedKey = attribute.Key("pulltrace.pull.layer.cached")
	// PullLayersLazyKey is how many layers are lazy; absent where there are none.
	PullLayersLazyKey = attribute.Key("pulltrace.pull.layer.lazy")
	// PullPodsKey lists who waited for the pull, as namespace/pod/container.
	PullPodsKey = attribute.Key("pulltrace.pull.pods")
	// PullQueueTimeKey is how long a pod had to wait until the pull began, in seconds.
	PullQueueTimeKey = attribute.Key("pulltrace.pull.time.queue")
	// PullSlotWaitTimeKey is how long the pull waited for download slots, in seconds.
	PullSlotWaitTimeKey = attribute.Key("pulltrace.pull.time.slot_wait")
	// PullResolveTimeKey is how long resolving took, in seconds.
	PullResolveTimeKey = attribute.Key("pulltrace.pull.time.resolve")
	// PullDownloadTimeKey is how long at least one layer was downloading, in seconds.
	PullDownloadTimeKey = attribute.Key("pulltrace.pull.time.download")
	// PullUnpackTimeKey is how long at least one layer was unpacking, in seconds.
	PullUnpackTimeKey = attribute.Key("pulltrace.pull.time.unpack")
)

// ExportSignalKey is the kind of telemetry that an export was to deliver.
const ExportSignalKey = attribute.Key("pulltrace.export.signal")

// LimitKindKey is the kind of things that were left out because there were too many.
const LimitKindKey = attribute.Key("pulltrace.limit.kind")
