package otlp

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
)

// Attributes maps keys to values: string, bool, int64, float64, []byte, or a
// list ([]any) or map (map[string]any) of those.
type Attributes map[string]any

func attributesOf(kvs []*commonpb.KeyValue) Attributes {
	attrs := make(Attributes, len(kvs))
	for _, kv := range kvs {
		attrs[kv.GetKey()] = valueOf(kv.GetValue())
	}
	return attrs
}

func valueOf(v *commonpb.AnyValue) any {
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_BoolValue:
		return v.BoolValue
	case *commonpb.AnyValue_IntValue:
		return v.IntValue
	case *commonpb.AnyValue_DoubleValue:
		return v.DoubleValue
	case *commonpb.AnyValue_BytesValue:
		return v.BytesValue
	case *commonpb.AnyValue_ArrayValue:
		list := []any{}
		for _, e := range v.ArrayValue.GetValues() {
			list = append(list, valueOf(e))
		}
		return list
	case *commonpb.AnyValue_KvlistValue:
		return map[string]any(attributesOf(v.KvlistValue.GetValues()))
	}
	return nil
}

// String returns the attributes as text, in the order of their keys: equal sets
// have equal texts.
func (a Attributes) String() string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(a)) {
		fmt.Fprintf(&b, "%s=%v ", key, a[key])
	}
	return strings.TrimSpace(b.String())
}
