package semconv

// What the list of [EstimatedKey] may hold.
const (
	// EstimatedPullStart is said where the wall clock was set while the pull ran, or
	// its lease was never seen, or it moves again after nobody drove it.
	EstimatedPullStart = "pull.start"
	// EstimatedPullEnd is said where the end is when the pull was missed, or when one
	// that nobody drives any more moved last.
	EstimatedPullEnd = "pull.end"
	// EstimatedPullPods is said where pods wait for several tags of the repository, and
	// it is not known which of them the pull is for.
	EstimatedPullPods = "pull.pods"
	// EstimatedResolveEnd is said where the root was on the node before.
	EstimatedResolveEnd = "resolve.end"
	// EstimatedDownloadStart is said where a download slot was inferred.
	EstimatedDownloadStart = "download.start"
	// EstimatedDownloadEnd is said where a commit took long and no event told its end.
	EstimatedDownloadEnd = "download.end"
	// EstimatedDownloadBytes is said where no poll saw the layer's ingest at its end.
	EstimatedDownloadBytes = "download.bytes"
	// EstimatedUnpackStart is said where no event told of it.
	EstimatedUnpackStart = "unpack.start"
	// EstimatedUnpackEnd is said of layers that are unpacked in parallel.
	EstimatedUnpackEnd = "unpack.end"
)
