package otlp

import commonpb "go.opentelemetry.io/proto/otlp/common/v1"

// Scope is the instrumentation scope that something came from.
type Scope struct{ Name, Version, SchemaURL string }

// scopeOf reads the scope of a part of a request.
func scopeOf(part interface {
	GetScope() *commonpb.InstrumentationScope
	GetSchemaUrl() string
},
) Scope {
	return Scope{part.GetScope().GetName(), part.GetScope().GetVersion(), part.GetSchemaUrl()}
}
