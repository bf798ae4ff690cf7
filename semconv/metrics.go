package semconv

// Metric is the declaration of one metric: its name, its UCUM unit, what it
// means, what instrument it comes from and, of a histogram, its bucket bounds.
type Metric struct {
	Name, Unit, Description string
	Instrument              Instrument
	Bounds                  []float64
}

// Instrument is the kind of a metric.
type Instrument string

// The instruments.
const (
	Gauge         Instrument = "gauge"
	UpDownCounter Instrument = "updowncounter" // values that add up over nodes
	Counter       Instrument = "counter"
	Histogram     Instrument = "histogram"
)

// Live metrics: one series per image that is being pulled on the node.
var (
	ImageDownloaded = gauge("pulltrace.image.downloaded", "By", "Bytes of config and layers fetched over the network by the pulls now running.")
	ImageSize       = gauge("pulltrace.image.size", "By", "Size of config and layers; absent while unknown.")
	ImageCached     = gauge("pulltrace.image.cached", "By", "Part of the size that did not have to be fetched.")
	ImageProgress   = gauge("pulltrace.image.progress", "1", "Part of the image that is on the node, 0 to 1; absent while its size is unknown.")
	ImageRate       = gauge("pulltrace.image.rate", "By/s", "Download rate over the last seconds.")
	ImageRemaining  = gauge("pulltrace.image.remaining_time", "s", "Estimated time until the download is complete; absent while unknown or stalled.")
	ImageIdle       = gauge("pulltrace.image.idle_time", "s", "Time since a byte arrived, a blob was committed or an unpack step ended, time queued behind other pulls that move left out.")
	ImageLayers     = upDownCounter("pulltrace.image.layer.count", "{layer}", "Layers by state.")
	ImagePods       = upDownCounter("pulltrace.image.pod.count", "{pod}", "Pods that wait for the image, 1 for each of their containers.")
	LayerDownloaded = gauge("pulltrace.layer.downloaded", "By", "Bytes of the layer fetched so far.")
	LayerExpected   = gauge("pulltrace.layer.expected", "By", "Size of the layer.")
)

// Pulls that run on the node.
var (
	PullActive  = upDownCounter("pulltrace.pull.active", "{pull}", "Pulls now running.")
	PullStalled = upDownCounter("pulltrace.pull.stalled", "{pull}", "Pulls now running that have not moved for longer than the threshold.")
	PullStalls  = counter("pulltrace.pull.stalls", "{stall}", "Times that a pull had not moved for longer than the threshold.")
)

// Pulls that have ended.
var (
	PullDuration         = histogram("pulltrace.pull.duration", "s", "Duration of ended pulls.", DurationBounds)
	PullQueueDuration    = histogram("pulltrace.pull.queue.duration", "s", "Time that pods waited until the pull began.", DurationBounds)
	PullSlotWaitDuration = histogram("pulltrace.pull.slot_wait.duration", "s", "Time that ended pulls waited for download slots.", DurationBounds)
	PullResolveDuration  = histogram("pulltrace.pull.resolve.duration", "s", "Time that ended pulls took to resolve the name of the image.", DurationBounds)
	PullDownloadDuration = histogram("pulltrace.pull.download.duration", "s", "Time during which ended pulls were downloading at least one layer.", DurationBounds)
	PullUnpackDuration   = histogram("pulltrace.pull.unpack.duration", "s", "Time during which ended pulls were unpacking at least one layer.", DurationBounds)
	PullDownloaded       = histogram("pulltrace.pull.downloaded", "By", "Bytes of config and layers that ended pulls fetched over the network.", SizeBounds)
	PullRefused          = counter("pulltrace.pull.refused", "{pull}", "Pulls that failed before anything was fetched.")
	PullRate             = histogram("pulltrace.pull.rate", "By/s", "Bytes downloaded by time spent downloading, of ended pulls that downloaded anything.", RateBounds)
)

// Bytes.
var (
	DownloadIO     = counter("pulltrace.download.io", "By", "Bytes of config and layers fetched over the network, also by pulls that failed later.")
	DownloadWasted = counter("pulltrace.download.wasted", "By", "Bytes of config and layers fetched by pulls that failed, and thrown away.")
	CacheHit       = counter("pulltrace.cache.hit", "By", "Bytes of config and layers that did not have to be fetched.")
)

// Pulltrace itself.
var (
	SourceUp           = gauge("pulltrace.source.up", "{source}", "1 while the container runtime answers, else 0.")
	SourceEventsUp     = gauge("pulltrace.source.events.up", "{stream}", "1 while the stream of the runtime's events is open and none of them is dropped, else 0.")
	SourceUnread       = upDownCounter("pulltrace.source.namespace.unread", "{namespace}", "Namespaces of the runtime that could not be read at the last poll.")
	LimitOmitted       = counter("pulltrace.limit.omitted", "{item}", "Things that were left out because there were more of them than Pulltrace keeps.")
	KubernetesUp       = gauge("pulltrace.kubernetes.up", "{connection}", "1 while the Kubernetes API answers, else 0.")
	SourcePollDuration = histogram("pulltrace.source.poll.duration", "s", "Duration of polls of the container runtime.", PollBounds)
	ExportErrors       = counter("pulltrace.export.errors", "{error}", "Exports of telemetry that failed.")
	// ProcessMemory is the standard's own metric.
	ProcessMemory = upDownCounter("process.memory.usage", "By", "The amount of physical memory in use.")
	SeriesCount   = upDownCounter("pulltrace.series.count", "{series}", "Live series that are exported now.")
)

func gauge(name, unit, description string) Metric {
	return Metric{name, unit, description, Gauge, nil}
}

func upDownCounter(name, unit, description string) Metric {
	return Metric{name, unit, description, UpDownCounter, nil}
}

func counter(name, unit, description string) Metric {
	return Metric{name, unit, description, Counter, nil}
}

func histogram(name, unit, description string, bounds []float64) Metric {
	return Metric{name, unit, description, Histogram, bounds}
}
