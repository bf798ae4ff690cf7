package telemetry

import (
	"testing"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// The IDs are part of the contract: a restart, a log line and an exemplar all
// name the same trace.
func TestIDsFollowFromThePull(t *testing.T) {
	id := pull.ID{
		Daemon: "6c2e", Namespace: "k8s.io", Lease: "123-abc", Created: 1795514400000000000,
		Root: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	}
	// printf '%s\0%s\0%s\0%s\0%s' … | sha256sum | cut -c -32
	if got, want := TraceID(id).String(), "6fbbbe2db32f8aea8db591657308ff38"; got != want {
		t.Errorf("trace ID %s, want %s", got, want)
	}
	lease, again, image := id, id, id
	lease.Lease, again.Created, image.Root = "123-abd", id.Created+1, "sha256:other"
	for what, other := range map[string]pull.ID{"leases": lease, "leases of one ID": again, "images of one lease": image} {
		if TraceID(id) == TraceID(other) {
			t.Errorf("two %s have one trace ID", what)
		}
	}
	moved := id
	moved.Again = 1
	if TraceID(id) == TraceID(moved) {
		t.Error("a pull that moves again has the trace of the one that was abandoned")
	}
	if spanID(id) == spanID(id, "resolve") || spanID(id, "0", "download") == spanID(id, "0", "unpack") {
		t.Error("two spans of a pull have one ID")
	}
}
