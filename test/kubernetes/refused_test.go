//go:build linux

package kubernetes

import (
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/pulltrace/pulltrace/test/registry"
)

// A tag that there is not: the kubelet tries again and again, and each attempt counts.
func TestMissingTag(t *testing.T) {
	c := newCluster(t)
	pod := c.createOf("app", c.Registry.Host()+"/"+c.namespace+"/app:missing")
	c.checkRefused("not_found", 2, pod)
}

// A registry that wants to know who asks.
func TestUnauthorized(t *testing.T) { testRefusal(t, http.StatusUnauthorized, "unauthorized") }

// A registry that is asked too often.
func TestTooManyRequests(t *testing.T) { testRefusal(t, http.StatusTooManyRequests, "rate_limited") }

// testRefusal pulls from a registry that refuses at first, and then does not.
func testRefusal(t *testing.T, status int, errorType string) {
	t.Helper()
	c := newCluster(t)
	img := c.push("app:1", 1*mib)
	c.Registry.SetFaults(img.Root.Digest, registry.Status(status))
	pod := c.createOf("app", img.Ref())
	c.checkRefused(errorType, 1, pod)

	c.Registry.SetFaults(img.Root.Digest)
	c.waitRunning(pod)
	span := c.spans(img, 1)[0]
	c.checkPulled(span, img, c.pulledBy(pod, img.Ref()))
	c.checkWaiters(span, mainOf(pod))
	if got := c.refused(errorType); got != 1 {
		t.Errorf("%v refused pulls, want 1", got)
	}
}

// checkRefused waits until the kubelet has tried to pull a pod's image in vain, as often as
// this, and each of that has been counted; but no more. The API tells of a further
// attempt some fifteen seconds after it has failed.
func (c *cluster) checkRefused(errorType string, attempts int, pod *corev1.Pod) {
	c.Helper()
	image := pod.Spec.Containers[0].Image
	c.refusals(pod, image, attempts)
	c.waitTold("refused pulls", func() bool { return c.refused(errorType) >= float64(attempts) })
	if got, tried := c.refused(errorType), c.refusals(pod, image, attempts); got > float64(tried) {
		c.Errorf("%v refused pulls, the kubelet has tried %d times", got, tried)
	}
}
