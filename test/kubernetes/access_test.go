//go:build linux

package kubernetes

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each verb of the role is used, and no other one: one that was added would stand in
// nobody's log.
func TestRoleIsWhatIsAskedFor(t *testing.T) {
	c := newCluster(t)
	img := c.push("app:1", 1*mib)
	pod := c.createOf("app", img.Ref())
	c.waitRunning(pod)
	c.checkWaiters(c.spans(img, 1)[0], waiter{pod, "main"})

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

// Without any one verb of the role Pulltrace does not know who waits, and says so. Pulls
// are told all the same.
func TestRoleIsNeeded(t *testing.T) {
	c := newCluster(t)
	for _, verb := range role {
		less := slices.DeleteFunc(slices.Clone(role), func(v string) bool { return v == verb })
		c.process.Stop()
		c.restartReceiver()
		c.watch(c.kubeconfig(less))
		c.checkUp(0)

		img := c.push("without-"+verb+":1", 1*mib)
		pod := c.createOf("without-"+verb, img.Ref())
		c.waitRunning(pod)
		span := c.spans(img, 1)[0]
		c.checkPulled(span, img, c.pulledBy(pod, img.Ref()))
		c.checkWaiters(span)
	}
}
