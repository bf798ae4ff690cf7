//go:build linux

package kubernetes

import (
	"sync"

	"github.com/pulltrace/pulltrace/test/conventions"
	"github.com/pulltrace/pulltrace/test/otlp"
)

var declared = sync.OnceValues(conventions.Load)

// checkDeclared fails a test during which something was emitted that semconv/registry
// does not declare, or declares otherwise.
func (c *cluster) checkDeclared(receiver *otlp.Receiver) {
	c.Helper()
	registry, err := declared()
	if err != nil {
		c.Fatal(err)
	}
	for _, problem := range registry.Check(receiver) {
		c.Error(problem)
	}
}
