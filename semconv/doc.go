// Package semconv declares every name of its own that Pulltrace emits, with its
// unit and meaning. What OpenTelemetry names already is taken from there.
//
// The folder registry says the same in OpenTelemetry's own form, with notes,
// examples and queries, and README.md is made of that. A test holds the two
// together, and another one holds what a run emits against them.
package semconv

// Scope is the instrumentation scope of all that Pulltrace emits.
const Scope = "github.com/pulltrace/pulltrace"

// SchemaURL identifies the registry, and its version, that the telemetry of the
// scope follows. It names no page.
const SchemaURL = "https://github.com/pulltrace/pulltrace/semconv/0.1.0"
