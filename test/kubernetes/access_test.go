//go:build linux

package kubernetes

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/pulltrace/pulltrace/test/kubernetes/node"
)

// noStreams makes the client list as with an API server that streams no lists.
const noStreams = "KUBE_FEATURE_WatchListClient=false"

// All that the chart's role permits is asked for, and nothing else: what was added to it
// would stand in nobody's log.
func TestRoleIsWhatIsAskedFor(t *testing.T) {
	c := newCluster(t)
	c.checkUp(1)
	c.process.Stop()
	c.restartReceiver()
	c.watch(c.kubeconfigVia(node.Server, "again", c.newToken(c.account(c.role()))), noStreams)
	c.checkUp(1)
	img := c.push("app:1", 1*mib)
	pod := c.createOf("app", img.Ref())
	c.waitRunning(pod)
	c.checkWaiters(c.spans(img, 1)[0], mainOf(pod))

	requests, err := c.Requests(c.namespace, c.account(c.role()))
	if err != nil {
		t.Fatal(err)
	}
	asked := make(map[permission]bool)
	for _, req := range requests {
		if req.Status != http.StatusOK {
			t.Errorf("%s %s was answered with %d", req.Verb, req.URI, req.Status)
		}
		asked[permission{req.Group, req.Resource, req.Verb}] = true
	}
	may := make(map[permission]bool)
	for _, p := range c.role() {
		may[p] = true
	}
	if !maps.Equal(may, asked) {
		t.Errorf("the role is %v, asked for was %v", may, asked)
	}
}

// Without any one part of the chart's role Pulltrace does not see who waits in time, and says
// so. Pulls are told all the same.
func TestRoleIsNeeded(t *testing.T) {
	c := newCluster(t)
	for i, missing := range c.role() {
		less := slices.Delete(c.role(), i, i+1)
		c.process.Stop()
		c.restartReceiver()
		c.watch(c.kubeconfig(less), noStreams)
		c.checkUp(0)

		img := c.push("without-"+missing.verb+":1", 1*mib)
		pod := c.createOf("without-"+missing.verb, img.Ref())
		c.waitRunning(pod)
		c.checkPulled(c.spans(img, 1)[0], img, c.pulledBy(pod, img.Ref()))
	}
}
