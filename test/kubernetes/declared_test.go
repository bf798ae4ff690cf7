//go:build linux

package kubernetes

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pulltrace/pulltrace/test/conventions"
	"github.com/pulltrace/pulltrace/test/otlp"
)

var (
	declared = sync.OnceValues(conventions.Load)
	checked  atomic.Bool // something was held against it
)

// checkDeclared fails a test during which something was emitted that semconv/registry
// does not declare, or declares otherwise.
func (c *cluster) checkDeclared(receiver *otlp.Receiver) {
	c.Helper()
	registry, err := declared()
	if err != nil {
		c.Fatal(err)
	}
	checked.Store(true)
	for _, problem := range registry.Check(receiver) {
		c.Error(problem)
	}
}

// allEmitted tells whether all that is declared, and only Kubernetes tells, was emitted
// during the suite. It cannot be told of a part of the suite.
func allEmitted() bool {
	if !checked.Load() || flag.Lookup("test.run").Value.String() != "" || flag.Lookup("test.skip").Value.String() != "" {
		return true
	}
	registry, err := declared()
	if err != nil {
		fmt.Println(err)
		return false
	}
	unseen := slices.DeleteFunc(registry.Unseen(true), notHere)
	for _, what := range unseen {
		fmt.Printf("declared and never emitted: %s\n", what)
	}
	return len(unseen) == 0
}

// notHere tells of a reason why pulls fail whether it cannot be had here.
func notHere(what string) bool {
	signal, reason, _ := strings.Cut(what, "error.type=")
	refused := strings.Contains(signal, "pulltrace.pull.refused")
	switch reason {
	case "no_space": // it is the machine's disk
		return true
	case "dns", "tls", "rejected": // before anything is fetched: there is no pull to tell
		return !refused
	case "checksum", "unpack": // what has been fetched is wrong: there is one
		return refused
	}
	return false
}
