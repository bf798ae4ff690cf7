package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/pulltrace/pulltrace/test/socketproxy"
)

// allowed are the methods of containerd that pulltrace may call: all of them
// only read.
var allowed = []string{
	"/containerd.services.content.v1.Content/Info",
	"/containerd.services.content.v1.Content/ListStatuses",
	"/containerd.services.content.v1.Content/Read",
	"/containerd.services.events.v1.Events/Subscribe",
	"/containerd.services.images.v1.Images/Get",
	"/containerd.services.images.v1.Images/List",
	"/containerd.services.introspection.v1.Introspection/Server",
	"/containerd.services.leases.v1.Leases/List",
	"/containerd.services.leases.v1.Leases/ListResources",
	"/containerd.services.namespaces.v1.Namespaces/List",
	"/containerd.services.snapshots.v1.Snapshots/Stat",
	"/containerd.services.version.v1.Version/Version",
}

// checkCalls holds calls against the promise that pulltrace leaves no trace:
// it calls allowed methods only, takes no lease, and no tracing containerd
// records its polling, for the parent it sends is unsampled and its trace ID
// is the last that a sampler by ratio would take.
func checkCalls(t *testing.T, calls []socketproxy.Call) {
	t.Helper()
	wrong := map[string]int{}
	for _, call := range calls {
		countCall(call.Method)
		if !slices.Contains(allowed, call.Method) {
			wrong[call.Method+" is not allowed"]++
		}
		if lease := call.Metadata.Get("containerd-lease"); len(lease) != 0 {
			wrong[call.Method+" carries a lease"]++
		}
		if parents := call.Metadata.Get("traceparent"); len(parents) != 1 || !isUnsampled(parents[0]) {
			wrong[call.Method+" has traceparent ["+strings.Join(parents, " ")+"]"]++
		}
	}
	for what, n := range wrong {
		t.Errorf("%s (%d calls)", what, n)
	}
}

func isUnsampled(traceparent string) bool {
	parts := strings.Split(traceparent, "-") // version, trace ID, parent ID, flags
	return len(parts) == 4 && len(parts[1]) == 32 && strings.HasSuffix(parts[1], "ffffffffffffffff") && parts[3] == "00"
}

// The methods called on containerd are within the allow-list. Every test checks
// that for its own calls; this one makes sure that there were calls to check.
func TestCallsAreWithinTheAllowList(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.push("calls:1", 1_000_000)
	n.watch()
	n.pull(img)
	n.waitSpans(img, 1)

	seen := map[string]bool{}
	for _, call := range n.proxy.Calls() {
		seen[call.Method] = true
	}
	for _, method := range []string{
		"/containerd.services.content.v1.Content/Read",
		"/containerd.services.events.v1.Events/Subscribe",
		"/containerd.services.leases.v1.Leases/List",
		"/containerd.services.leases.v1.Leases/ListResources",
	} {
		if !seen[method] {
			t.Errorf("%s was not called, or went past the proxy", method)
		}
	}
}
