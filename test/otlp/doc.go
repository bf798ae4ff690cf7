// Package otlp is an OTLP receiver (gRPC) that keeps all it is sent, for tests
// that ask what a program exported, and when.
//
//	recv, err := otlp.Start()
//	defer recv.Close()
//
//	// … run something with OTEL_EXPORTER_OTLP_ENDPOINT=recv.Endpoint() …
//
//	err = recv.Wait(ctx, "a span of the pull", func() bool { return len(recv.Spans("pull image")) == 1 })
//
// The requests themselves are there as they came, with their time of arrival
// (Traces, Metrics, Logs). Flat views answer what tests ask most:
//
//	span := recv.Spans("pull image")[0]
//	span.Attributes["oci.manifest.digest"]
//	recv.Children(span)                    // spans whose parent it is
//	fmt.Print(recv.Tree(span))             // it and all below it, as text
//
//	for _, p := range recv.Points("pulltrace.image.progress") {
//		p.Time, p.Value, p.Attributes["container.image.name"]
//	}
//
//	for _, e := range recv.Events("pulltrace.pull.stalled") {
//		e.Time, e.TraceID, e.Attributes["container.image.name"]
//	}
//
// Refuse makes every export fail for a while, as a backend does that is down, RefuseOnly
// those of one signal; Delay makes it slow.
package otlp
