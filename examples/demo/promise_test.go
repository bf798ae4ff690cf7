package main

import (
	"strings"
	"testing"

	"github.com/pulltrace/pulltrace/semconv"
	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

// Where nothing was exported, every promise is broken.
func TestCheckNothing(t *testing.T) {
	reg, err := registry.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	backend, err := otlp.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	s, err := newStory(reg)
	if err != nil {
		t.Fatal(err)
	}
	broken := s.check(backend)
	if broken == nil {
		t.Fatal("no promise is broken")
	}
	for _, r := range s.roles {
		if !strings.Contains(broken.Error(), r.name) {
			t.Errorf("says nothing of %s: %v", r.name, broken)
		}
	}
	if !strings.Contains(broken.Error(), semconv.PullStalled.Name) {
		t.Errorf("says nothing of %s: %v", semconv.PullStalled.Name, broken)
	}
}
