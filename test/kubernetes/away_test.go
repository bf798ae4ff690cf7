//go:build linux

package kubernetes

import (
	"testing"

	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/kubernetes/node"
	"github.com/pulltrace/pulltrace/test/registry"
)

// The API server is away when Pulltrace starts, and again later: pulls are told all the
// same, and pods by themselves as soon as it is back.
func TestControlPlaneIsAway(t *testing.T) {
	c := newNamespaceOn(t, withKubelet(t, node.Pulls{}))
	kubeconfig := c.kubeconfig(c.role())

	c.KillAPIServer()
	c.watch(kubeconfig)
	c.checkUp(0)
	c.checkToldAlone("away-at-start:1")
	c.bringBack()
	first := c.push("first:1", 1*mib)
	pod := c.createOf("first", first.Ref())
	c.waitRunning(pod)
	c.checkWaiters(c.spans(first, 1)[0], mainOf(pod))

	second := c.push("second:1", 4*mib)
	pod = c.createOf("second", second.Ref())
	c.checkWaiting(second, "1", mainOf(pod))
	c.KillAPIServer()
	c.checkUp(0)
	c.checkWaiters(c.spans(second, 1)[0], mainOf(pod)) // who waited was known
	c.checkToldAlone("away-later:1")
	c.bringBack()
	c.waitRunning(pod)
	c.checkNobodyWaits(second, mainOf(pod))
	third := c.push("third:1", 1*mib)
	pod = c.createOf("third", third.Ref())
	c.waitRunning(pod)
	c.checkWaiters(c.spans(third, 1)[0], mainOf(pod))
}

// bringBack starts the API server again, and waits until Pulltrace has found that out.
func (c *cluster) bringBack() {
	c.Helper()
	if err := c.StartAPIServer(c.Context()); err != nil {
		c.Fatal(err)
	}
	c.checkUp(1)
}

// checkToldAlone pulls an image past the kubelet, for no pod, and checks that it is told.
func (c *cluster) checkToldAlone(name string) {
	c.Helper()
	img := c.push(name, 1*mib)
	c.pullAlone(img)
	span := c.spans(img, 1)[0]
	if got := span.Attributes["pulltrace.pull.outcome"]; got != "success" {
		c.Errorf("%s: outcome %v, want success", img.Ref(), got)
	}
	c.checkWaiters(span)
}

func (c *cluster) pullAlone(img *registry.Image) {
	c.Helper()
	client, err := cri.Dial(node.Socket)
	if err != nil {
		c.Fatal(err)
	}
	defer client.Close()
	if pull := client.Pull(c.Context(), img.Ref()); pull.Err != nil {
		c.Fatal(pull.Err)
	}
}
