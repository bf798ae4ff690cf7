package collector

import (
	"bufio"
	"fmt"
	"os"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Span is a span as the Collector's file exporter has kept it.
type Span struct {
	ptrace.Span
	Resource pcommon.Map
}

// Spans returns the spans in a file of the Collector's file exporter, in order of
// arrival.
func Spans(t testing.TB, path string) []Span {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var spans []Span
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var decoder ptrace.JSONUnmarshaler
		traces, err := decoder.UnmarshalTraces(lines.Bytes())
		if err != nil {
			t.Fatal(fmt.Errorf("reading what the Collector kept: %w", err))
		}
		for _, rs := range traces.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					spans = append(spans, Span{s, rs.Resource().Attributes()})
				}
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return spans
}
