package semconv

// Metric is the declaration of one metric: its name, its UCUM unit and what it
// means.
type Metric struct{ Name, Unit, Description string }

// Live metrics: one series per image that is being pulled on the node.
var (
	ImageDownloaded = Metric{"pulltrace.image.downloaded", "By", "Bytes of config and layers fetched over the network by the pulls now running."}
	ImageSize       = Metric{"pulltrace.image.size", "By", "Size of config and layers; absent while unknown."}
	ImageCached     = Metric{"pulltrace.image.cached", "By", "Part of the size that did not have to be fetched."}
	ImageProgress   = Metric{"pulltrace.image.progress", "1", "Part of the image that is on the node, 0 to 1; absent while its size is unknown."}
	ImageRate       = Metric{"pulltrace.image.rate", "By/s", "Download rate over the last seconds."}
	ImageRemaining  = Metric{"pulltrace.image.remaining_time", "s", "Estimated time until the download is complete; absent while unknown or stalled."}
	ImageIdle       = Metric{"pulltrace.image.idle_time", "s", "Time since a byte arrived, a blob was committed or an unpack step ended, time queued behind other pulls that move left out."}
	ImageLayers     = Metric{"pulltrace.image.layer.count", "{layer}", "Layers by state."}
	LayerDownloaded = Metric{"pulltrace.layer.downloaded", "By", "Bytes of the layer fetched so far."}
	LayerExpected   = Metric{"pulltrace.layer.expected", "By", "Size of the layer."}
)

// Node totals.
var (
	PullActive   = Metric{"pulltrace.pull.active", "{pull}", "Pulls now running."}
	PullStalled  = Metric{"pulltrace.pull.stalled", "{pull}", "Pulls now running that have not moved for longer than the threshold."}
	PullDuration = Metric{"pulltrace.pull.duration", "s", "Duration of ended pulls."}
	PullRate     = Metric{"pulltrace.pull.rate", "By/s", "Bytes downloaded by time spent downloading, of ended pulls that downloaded anything."}
	DownloadIO   = Metric{"pulltrace.download.io", "By", "Bytes of config and layers fetched over the network, also by pulls that failed later."}
	SourceUp     = Metric{"pulltrace.source.up", "{source}", "1 while the container runtime answers, else 0."}
)

// DurationBounds are the bucket bounds of durations, in seconds.
var DurationBounds = []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 180, 300, 600, 1200, 1800, 3600}

// RateBounds are the bucket bounds of rates, in bytes a second: 64 KiB/s to 4 GiB/s.
var RateBounds = []float64{1 << 16, 1 << 18, 1 << 20, 1 << 21, 1 << 22, 1 << 23, 1 << 24, 1 << 25, 1 << 26, 1 << 27, 1 << 28, 1 << 29, 1 << 30, 1 << 32}

// Spans.
const (
	SpanPull     = "pull image"
	SpanResolve  = "resolve"
	SpanLayer    = "layer"
	SpanDownload = "download"
	SpanUnpack   = "unpack"
)
