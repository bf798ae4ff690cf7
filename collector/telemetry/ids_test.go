package telemetry

import (
	"testing"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// The IDs are part of the contract: a restart, a log line and an exemplar all
// name the same trace.
func TestIDsFollowFromThePull(t *testing.T) {
	id := pull.ID{Daemon: "6c2e", Namespace: "k8s.io", Lease: "123-abc"}
	if got, want := TraceID(id).String(), "5f22b86c10740cbef9d52758765a3aeb"; got != want {
		t.Errorf("trace ID %s, want %s", got, want)
	}
	other := id
	other.Lease = "123-abd"
	if TraceID(id) == TraceID(other) {
		t.Error("two leases have one trace ID")
	}
	if spanID(id) == spanID(id, "resolve") || spanID(id, "0", "download") == spanID(id, "0", "unpack") {
		t.Error("two spans of a pull have one ID")
	}
}
