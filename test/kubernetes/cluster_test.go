//go:build linux

package kubernetes

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pulltrace/pulltrace/test/kubernetes/node"
	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/pulltrace"
	"github.com/pulltrace/pulltrace/test/registry"
)

const (
	mib = 1 << 20
	// rate is how fast a repository is served, in bytes a second: there is time to
	// look at a pull of a few MiB.
	rate = 1 * mib

	arrivalLimit = 90 * time.Second // for what must come, at the longest, on a machine that is busy
)

// cluster is a namespace of the node for one test, and the Pulltrace that watches.
type cluster struct {
	*testing.T
	*node.Node
	// Registry is the test's own. Metrics name it by its address alone, so each has one:
	// every Pulltrace sees what all tests pull.
	Registry  *registry.Registry
	namespace string
	receiver  *otlp.Receiver
	process   *pulltrace.Process
}

var registries atomic.Int32

// unbounded is done when the kubelet pulls as much at once as there is.
var unbounded sync.Once

// newCluster is for a test that may run beside others.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	n := node.Get(t)
	t.Parallel()
	var err error
	unbounded.Do(func() { err = n.RestartKubelet(t.Context(), node.Pulls{}) })
	if err != nil {
		t.Fatal(err)
	}
	return newClusterOn(t, n)
}

// withKubelet is the node for a test that has it, and a kubelet of its own, to itself.
func withKubelet(t *testing.T, pulls node.Pulls) *node.Node {
	t.Helper()
	n := node.Get(t)
	if err := n.RestartKubelet(t.Context(), pulls); err != nil {
		t.Fatal(err)
	}
	return n
}

func newClusterOn(t *testing.T, n *node.Node) *cluster {
	t.Helper()
	c := newNamespaceOn(t, n)
	c.watch(c.kubeconfig(c.role()))
	return c
}

// newNamespaceOn is a cluster in which no Pulltrace runs yet.
func newNamespaceOn(t *testing.T, n *node.Node) *cluster {
	t.Helper()
	reg, err := registry.StartOn(fmt.Sprintf("127.0.1.%d:0", registries.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reg.Close() })
	c := &cluster{T: t, Node: n, Registry: reg, namespace: namespaceOf(t.Name())}
	c.restartReceiver()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.namespace}}
	if _, err := n.Client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.showEvents)
	c.waitFor("the namespace's service account", func() error {
		_, err := n.Client.CoreV1().ServiceAccounts(c.namespace).Get(t.Context(), "default", metav1.GetOptions{})
		return err
	})
	return c
}

// restartReceiver begins with nothing told.
func (c *cluster) restartReceiver() {
	c.Helper()
	receiver, err := otlp.StartOn(node.Address + ":0") // which pods reach, too
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() {
		receiver.Close()
		c.checkDeclared(receiver)
	})
	c.receiver = receiver
}

// namespaceOf makes "two-tags-at-once" of "TestTwoTagsAtOnce".
func namespaceOf(test string) string {
	var name strings.Builder
	for i, r := range strings.TrimPrefix(test, "Test") {
		if upper := r >= 'A' && r <= 'Z'; upper && i > 0 {
			name.WriteByte('-')
		}
		name.WriteRune(r)
	}
	return strings.ToLower(name.String())
}

// watch starts the Pulltrace, and waits until its first metrics have come.
func (c *cluster) watch(kubeconfig string, env ...string) {
	c.Helper()
	c.process = pulltrace.Start(c.T, pulltrace.Config{
		Socket:   node.Socket,
		Endpoint: c.receiver.Endpoint(),
		Env:      env,
		Flags:    append([]string{"--node-name=" + node.Name, fmt.Sprint("--max-concurrent-downloads=", node.Downloads)}, kubernetesFlags(kubeconfig)...),
	})
	c.waitTold("the state of containerd", func() bool { return len(c.receiver.Points("pulltrace.source.up")) > 0 })
}

// waitFor waits until there is no error any more.
func (c *cluster) waitFor(what string, condition func() error) {
	c.Helper()
	deadline := time.Now().Add(arrivalLimit)
	for {
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			c.Fatalf("waiting for %s: %v", what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// waitTold waits until Pulltrace has told something.
func (c *cluster) waitTold(what string, condition func() bool) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), arrivalLimit)
	defer cancel()
	if err := c.receiver.Wait(ctx, what, condition); err != nil {
		c.Fatal(err)
	}
}

// push makes an image of new layers, below the name of the test.
func (c *cluster) push(name string, sizes ...int64) *registry.Image {
	c.Helper()
	layers, err := registry.NewLayers(sizes...)
	if err != nil {
		c.Fatal(err)
	}
	img, err := c.Registry.Push(c.namespace+"/"+name, layers)
	if err != nil {
		c.Fatal(err)
	}
	c.Registry.SetRepositoryRate(img.Repository, rate)
	return img
}

// kubernetesFlags turn Pulltrace's side of Kubernetes on.
func kubernetesFlags(kubeconfig string) []string {
	return []string{"--kubernetes=on", "--kubeconfig=" + kubeconfig, "--health-address="}
}
