package e2e

import (
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/pulltrace/pulltrace/test/conventions"
	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/pulltrace"
)

var declared = sync.OnceValues(conventions.Load)

// checkDeclared fails a test during which something was emitted that
// semconv/registry does not declare, or declares otherwise.
func checkDeclared(t *testing.T, receiver *otlp.Receiver) {
	t.Helper()
	registry, err := declared()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range registry.Check(receiver) {
		t.Error(problem)
	}
}

// allEmitted tells whether all that is declared, but what only Kubernetes tells, was
// emitted during the suite. It
// cannot be told of a part of the suite, or on one version of containerd alone.
func allEmitted() bool {
	if len(report.rows) == 0 || os.Getenv(versionVariable) != "" ||
		flag.Lookup("test.run").Value.String() != "" || flag.Lookup("test.skip").Value.String() != "" {
		return true
	}
	registry, err := declared()
	if err != nil {
		fmt.Println(err)
		return false
	}
	unseen := registry.Unseen(false)
	for _, what := range unseen {
		fmt.Printf("declared and never emitted: %s\n", what)
	}
	return len(unseen) == 0
}

// On a Kubernetes node, points and resource have the name of the node and no
// host's.
func TestNameOfTheNode(t *testing.T) {
	onEachVersion(t, func(n *node) {
		process := pulltrace.Start(n, pulltrace.Config{
			Socket: n.proxy.Socket, Endpoint: n.receiver.Endpoint(), Env: []string{"K8S_NODE_NAME=worker-1"},
		})
		n.waitSource(1, process.Started)
		process.Stop()
		for _, p := range n.receiver.Points("") {
			if p.Attributes["k8s.node.name"] != "worker-1" || p.Resource["k8s.node.name"] != "worker-1" || p.Resource["host.name"] != nil {
				n.Fatalf("%s is of %s, the resource is %s", p.Metric, p.Attributes, p.Resource)
			}
		}
	})
}
