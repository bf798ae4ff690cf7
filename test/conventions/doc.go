// Package conventions holds what arrived at an OTLP receiver against the registry
// of names in semconv/registry, which it reads as a user's tool would.
//
//	registry, err := conventions.Load()
//
//	// … run something that exports to recv …
//
//	for _, problem := range registry.Check(recv) { // emitted and not declared
//		t.Error(problem)
//	}
//
// Over many runs it learns what was emitted at all, and Unseen tells what is
// declared and was not.
package conventions
