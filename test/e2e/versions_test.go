package e2e

import (
	"cmp"
	"context"
	"os"
	"sync"
	"testing"

	"github.com/pulltrace/pulltrace/test/containerd"
)

// versionVariable names the one version of containerd that every test is to run
// on, like 2.1.
const versionVariable = "PULLTRACE_TEST_CONTAINERD"

// testVersion is the version that a test runs on which does not say.
func testVersion() string { return cmp.Or(os.Getenv(versionVariable), containerd.Newest) }

// coreVersions are those that the core set runs on: the two that tell less and
// are still run widely (no event when a blob is committed, no ingest before its
// fetch), and the newest. A version that is asked for stands in for all.
var coreVersions = func() []string {
	if only := os.Getenv(versionVariable); only != "" {
		return []string{only}
	}
	return []string{"1.7", "2.0", containerd.Newest}
}()

// onEachVersion runs a test of the core set on a node of each version.
func onEachVersion(t *testing.T, test func(*node)) {
	t.Helper()
	onEachVersionWith(t, func(string) containerd.Options { return containerd.Options{} }, test)
}

// onEachVersionWith is onEachVersion with options for each version's containerd.
func onEachVersionWith(t *testing.T, options func(version string) containerd.Options, test func(*node)) {
	t.Helper()
	containerd.Require(t)
	if err := buildVersions(); err != nil {
		t.Fatal(err)
	}
	t.Parallel() // from here: no test's clock suffers from a build
	for _, version := range coreVersions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			with := options(version)
			with.Version = version
			test(newNodeWith(t, with))
		})
	}
}

// since skips a test on versions of containerd that have not got what it is about.
// That is no fault of the machine, so it is a skip in CI, too.
func (n *node) since(version, what string) {
	n.Helper()
	if n.daemon.Version < version { // of one digit each
		n.Skipf("containerd %s has no %s", n.daemon.Version, what)
	}
}

var buildVersions = sync.OnceValue(func() error {
	for _, version := range coreVersions {
		if _, err := containerd.Build(context.Background(), version); err != nil {
			return err
		}
	}
	return nil
})
