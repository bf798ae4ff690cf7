// Package peers holds what Pulltrace exports against the truth where users see it: in
// a real Prometheus, behind a real OpenTelemetry Collector and without. It is a module
// of its own, since it asks Prometheus with its own client.
//
// One containerd is watched by three Pulltraces, whose metrics take four ways:
//
//	pulltrace -- OTLP --> Collector -- OTLP --------------> Prometheus
//	                                `- /metrics <- scrape -'    | |
//	pulltrace -- OTLP ------------------------------------------' |
//	pulltrace -- /metrics <- scrape ------------------------------'
//
// Traces of all go to the Collector, which keeps them in a file.
package peers
