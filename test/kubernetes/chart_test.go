//go:build linux

package kubernetes

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pulltrace/pulltrace/test/deploy"
	"github.com/pulltrace/pulltrace/test/deploy/image"
	"github.com/pulltrace/pulltrace/test/kubernetes/node"
	"github.com/pulltrace/pulltrace/test/registry"
)

// The chart brings Pulltrace's own image to the node, by its kubelet, as a pod that is ready,
// tells who waits for a pull, and finds the socket of a containerd that starts again.
func TestChart(t *testing.T) {
	n := node.Get(t)
	image.Require(t)
	c := newNamespaceOn(t, withKubelet(t, node.Pulls{}))
	img, err := c.Registry.PushArchive(c.namespace+"/pulltrace:tested", os.Getenv(imageVariable))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.showChart)
	c.install(img)
	pod := c.chartPod()
	c.checkOwnImage(pod, img)
	c.checkUp(1)
	c.checkOwnAccess(pod)
	c.checkChartTells("before")

	before := inode(t)
	if err := n.StopContainerd(); err != nil {
		t.Fatal(err)
	}
	c.checkReady(pod, http.StatusServiceUnavailable)
	c.checkSource(0)
	if err := n.StartContainerd(t.Context()); err != nil {
		t.Fatal(err)
	}
	if inode(t) == before {
		t.Error("the new containerd has the old socket")
	}
	c.checkReady(pod, http.StatusOK)
	c.checkSource(1)
	c.checkChartTells("after")
	if now := c.get(pod); now.Status.ContainerStatuses[0].RestartCount != 0 {
		t.Error("Pulltrace was started again")
	}
	c.uninstall()
}

// install installs the chart as its README does, with a Collector on each node.
func (c *cluster) install(img *registry.Image) {
	c.Helper()
	_, port, _ := strings.Cut(c.receiver.Address(), ":")
	err := deploy.Install(c.Context(), c.Kubeconfig(), c.namespace,
		"--set=image.repository="+img.Name(), "--set=image.tag="+img.Tag,
		"--set=otlp.endpoint=http://$(HOST_IP):"+port, "--set=exporters.logs=otlp",
		"--set=extraEnv[0].name=OTEL_METRIC_EXPORT_INTERVAL", "--set-string=extraEnv[0].value=250",
		"--set=extraEnv[1].name=PULLTRACE_MAX_CONCURRENT_DOWNLOADS", fmt.Sprint("--set-string=extraEnv[1].value=", node.Downloads))
	if err != nil {
		c.Fatal(err)
	}
}

// chartPod waits until the DaemonSet has its one pod, and that is ready.
func (c *cluster) chartPod() (pod *corev1.Pod) {
	c.Helper()
	c.waitFor("the DaemonSet to be ready", func() error {
		set, err := c.Client.AppsV1().DaemonSets(c.namespace).Get(c.Context(), deploy.Release, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if s := set.Status; s.DesiredNumberScheduled != 1 || s.NumberReady != 1 {
			return fmt.Errorf("of %d pods %d are ready", s.DesiredNumberScheduled, s.NumberReady)
		}
		pods, err := c.Client.CoreV1().Pods(c.namespace).List(c.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=pulltrace"})
		if err != nil || len(pods.Items) != 1 {
			return fmt.Errorf("there are %d pods (%w)", len(pods.Items), err)
		}
		pod = &pods.Items[0]
		return nil
	})
	return pod
}

// checkOwnImage checks that the kubelet has pulled the image, and the pod runs that.
func (c *cluster) checkOwnImage(pod *corev1.Pod, img *registry.Image) {
	c.Helper()
	c.pulledBy(pod, img.Ref())
	if got, want := c.served(img), img.Size(); got != want {
		c.Errorf("%d bytes of Pulltrace's image were served, want %d", got, want)
	}
	if got := c.get(pod).Status.ContainerStatuses[0].ImageID; !strings.Contains(got, img.Root.Digest.String()) {
		c.Errorf("the pod runs %s, want %s", got, img.Root.Digest)
	}
}

// checkOwnAccess checks that Pulltrace asks the API server as its service account, from
// the network of pods, for nothing that it may not have.
func (c *cluster) checkOwnAccess(pod *corev1.Pod) {
	c.Helper()
	requests, err := c.Requests(c.namespace, pod.Spec.ServiceAccountName)
	if err != nil {
		c.Fatal(err)
	}
	if len(requests) == 0 {
		c.Errorf("%s has asked for nothing", pod.Spec.ServiceAccountName)
	}
	for _, req := range requests {
		if req.Status != http.StatusOK || req.From != pod.Status.PodIP {
			c.Errorf("%s %s from %s was answered with %d", req.Verb, req.URI, req.From, req.Status)
		}
	}
	account := c.as(pod.Spec.ServiceAccountName)
	if _, err := account.CoreV1().Pods("").List(c.Context(), metav1.ListOptions{}); err != nil {
		c.Errorf("the account may not list pods: %v", err)
	}
	_, err = account.CoreV1().Pods(c.namespace).Get(c.Context(), pod.Name, metav1.GetOptions{})
	if !apierrors.IsForbidden(err) {
		c.Errorf("the account gets a pod: %v", err)
	}
	_, err = account.CoreV1().Secrets(c.namespace).List(c.Context(), metav1.ListOptions{})
	if !apierrors.IsForbidden(err) {
		c.Errorf("the account lists Secrets: %v", err)
	}
}

// checkChartTells has a pod pull an image, and checks what is told of that.
func (c *cluster) checkChartTells(name string) {
	c.Helper()
	img := c.push(name+":1", 1*mib)
	pod := c.createOf(name, img.Ref())
	c.waitRunning(pod)
	span := c.spans(img, 1)[0]
	c.checkPulled(span, img, c.pulledBy(pod, img.Ref()))
	c.checkWaiters(span, mainOf(pod))
	if got := span.Resource["k8s.node.name"]; got != node.Name {
		c.Errorf("the node is named %v", got)
	}
}

// checkReady waits for an answer of the pod's probe.
func (c *cluster) checkReady(pod *corev1.Pod, want int) {
	c.Helper()
	c.waitFor("the probe", func() error {
		resp, err := http.Get("http://" + pod.Status.PodIP + ":13133/readyz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != want {
			return fmt.Errorf("it answers %s, want %d", resp.Status, want)
		}
		return nil
	})
}

// uninstall removes the chart, and waits until nothing is left of it.
func (c *cluster) uninstall() {
	c.Helper()
	if err := deploy.Uninstall(c.Context(), c.Kubeconfig(), c.namespace); err != nil {
		c.Fatal(err)
	}
	c.waitFor("the pod to be gone", func() error {
		pods, err := c.Client.CoreV1().Pods(c.namespace).List(c.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=pulltrace"})
		if err == nil && len(pods.Items) > 0 {
			err = fmt.Errorf("there are %d", len(pods.Items))
		}
		return err
	})
	_, err := c.Client.RbacV1().ClusterRoles().Get(c.Context(), deploy.Release, metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		c.Errorf("the role is still there (%v)", err)
	}
}

// showChart shows what Pulltrace has written, where the kubelet keeps that.
func (c *cluster) showChart() {
	if !c.Failed() {
		return
	}
	logs, _ := filepath.Glob("/var/log/pods/" + c.namespace + "_" + deploy.Release + "*/*/*.log")
	for _, path := range logs {
		text, err := os.ReadFile(path)
		c.Logf("%s (%v):\n%s", path, err, text)
	}
}

func inode(t *testing.T) uint64 {
	t.Helper()
	info, err := os.Stat(node.Socket)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}
