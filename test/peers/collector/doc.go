// Package collector builds and runs a real OpenTelemetry Collector for tests.
//
//	collector.Start(t, []string{"127.0.0.1:4317"}, "otelcol.yaml")
//
// What it consists of is in otelcol/builder.yaml. The other files there are what the
// Collector builder makes of that, with go.mod and go.sum: so the build needs no
// builder and no network but for modules, gives the same every time, and is checked
// by the go command as any module is. After a change of builder.yaml, go generate
// makes them anew.
//
// It is built once and kept in the user's cache folder.
package collector

//go:generate go run go.opentelemetry.io/collector/cmd/builder@v0.161.0 --skip-compilation --config=otelcol/builder.yaml
