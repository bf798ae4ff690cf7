package semconv

// Spans. Each pull is one trace, and [SpanPull] is its root.
const (
	SpanPull     = "pull image"
	SpanResolve  = "resolve"
	SpanLayer    = "layer"
	SpanDownload = "download"
	SpanUnpack   = "unpack"
)
