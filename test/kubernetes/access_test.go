//go:build linux

package kubernetes

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pulltrace/pulltrace/test/kubernetes/node"
)

// noStreams makes the client list as with an API server that streams no lists.
const noStreams = "KUBE_FEATURE_WatchListClient=false"

// Each verb of the role is used, and no other one: one that was added would stand in
// nobody's log.
func TestRoleIsWhatIsAskedFor(t *testing.T) {
	c := newCluster(t)
	c.checkUp(1)
	c.process.Stop()
	c.restartReceiver()
	c.watch(c.kubeconfigVia(node.Server, "again", c.newToken(c.account(role))), noStreams)
	c.checkUp(1)
	img := c.push("app:1", 1*mib)
	pod := c.createOf("app", img.Ref())
	c.waitRunning(pod)
	c.checkWaiters(c.spans(img, 1)[0], mainOf(pod))

	requests, err := c.Requests(c.namespace, c.account(role))
	if err != nil {
		t.Fatal(err)
	}
	verbs := make(map[string]bool)
	for _, req := range requests {
		if req.Resource != "pods" || req.Status != http.StatusOK {
			t.Errorf("%s %s was answered with %d", req.Verb, req.URI, req.Status)
		}
		verbs[req.Verb] = true
	}
	if diff := cmp.Diff(role, slices.Sorted(maps.Keys(verbs))); diff != "" {
		t.Errorf("verbs (-in the role +asked for):\n%s", diff)
	}
}

// Without any one verb of the role Pulltrace does not see who waits in time, and says so. Pulls
// are told all the same.
func TestRoleIsNeeded(t *testing.T) {
	c := newCluster(t)
	for _, verb := range role {
		less := slices.DeleteFunc(slices.Clone(role), func(v string) bool { return v == verb })
		c.process.Stop()
		c.restartReceiver()
		c.watch(c.kubeconfig(less), noStreams)
		c.checkUp(0)

		img := c.push("without-"+verb+":1", 1*mib)
		pod := c.createOf("without-"+verb, img.Ref())
		c.waitRunning(pod)
		c.checkPulled(c.spans(img, 1)[0], img, c.pulledBy(pod, img.Ref()))
	}
}
