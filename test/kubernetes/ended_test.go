//go:build linux

package kubernetes

import (
	"fmt"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pulltrace/pulltrace/test/registry"
)

// A connection that breaks in the middle of a layer: the pull has failed, for a reason
// that only the kubelet tells.
func TestCutInMidDownload(t *testing.T) {
	c := newCluster(t)
	img := c.push("app:1", 3*mib)
	c.Registry.SetFaults(img.Layers[0].Digest, registry.CutAt(2*mib))
	pod := c.createOf("app", img.Ref())
	c.refusals(pod, img.Ref(), 1)

	span := c.spans(img, 1)[0]
	if got := span.Attributes["pulltrace.pull.outcome"]; got != "failure" {
		t.Errorf("outcome %v, want failure", got)
	}
	if got := span.Attributes["error.type"]; got != "connection" {
		t.Errorf("error.type %v, want connection", got)
	}
	c.checkWaiters(span, mainOf(pod))
	if got := c.refused("connection"); got != 0 {
		t.Errorf("%v refused pulls: this one has fetched something", got)
	}
}

// A pod is deleted while its image is pulled.
func TestPodDeletedInMidPull(t *testing.T) {
	c := newCluster(t)
	img := c.push("app:1", 5*mib)
	pod := c.createOf("app", img.Ref())
	w := mainOf(pod)
	c.checkWaiting(img, "1", w)
	time.Sleep(time.Second)
	if err := c.Client.CoreV1().Pods(c.namespace).Delete(t.Context(), pod.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	c.waitFor("the pod to be gone", func() error {
		_, err := c.Client.CoreV1().Pods(c.namespace).Get(t.Context(), pod.Name, metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is still there (%w)", err)
		}
		return nil
	})
	span := c.spans(img, 1)[0]
	c.checkWaiters(span, w)
	c.checkNobodyWaits(img, w)
	if whole := c.served(img) >= img.Size(); whole != (span.Attributes["pulltrace.pull.outcome"] == "success") {
		t.Errorf("outcome %v, all of it served: %t", span.Attributes["pulltrace.pull.outcome"], whole)
	}
}
