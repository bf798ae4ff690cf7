//go:build linux

package dashboards

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/kubernetes/node"
	"github.com/pulltrace/pulltrace/test/peers/collector"
	"github.com/pulltrace/pulltrace/test/peers/prometheus"
	"github.com/pulltrace/pulltrace/test/pulltrace"
	"github.com/pulltrace/pulltrace/test/registry"
)

const (
	interval     = 10 * time.Second // between scrapes, and between exports by default
	arrivalLimit = 90 * time.Second // for what must come, at the longest, on a machine that is busy

	namespace = "team"
	otherNode = "node-2"
	mib       = 1 << 20
)

// cluster is the two nodes, each with a registry of its own, and the peers.
type cluster struct {
	*testing.T
	*node.Node
	cri          *cri.Client        // of the other node
	own, other   *registry.Registry // of node-1, whose pods pull, and of node-2
	withRules    *prometheus.Server
	withoutRules *prometheus.Server
	watchedSince time.Time // when both Prometheuses had heard of both nodes
}

// Ports are those that everybody expects: the network is the test's own.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{T: t, Node: node.Get(t)}
	c.own, c.other = c.startRegistry("127.0.1.1:0"), c.startRegistry("127.0.1.2:0")
	daemon := containerd.Start(t)
	var err error
	if c.cri, err = cri.Dial(daemon.Socket); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.cri.Close() })
	_, err = c.Client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c.waitFor("the namespace's service account", func() error {
		_, err := c.Client.CoreV1().ServiceAccounts(namespace).Get(t.Context(), "default", metav1.GetOptions{})
		return err
	})

	c.withRules = prometheus.Start(t, "testdata/prometheus-rules.yml", "127.0.0.1:9090")
	c.withoutRules = prometheus.Start(t, "testdata/prometheus.yml", "127.0.0.1:9091")
	collector.Start(t, []string{"127.0.0.1:4317"}, "testdata/otelcol.yaml")
	env := []string{"OTEL_METRIC_EXPORT_INTERVAL=", "OTEL_LOGS_EXPORTER=none"}
	pulltrace.Start(t, pulltrace.Config{
		Socket: node.Socket, Endpoint: "http://127.0.0.1:4317", Env: env,
		Flags: []string{"--node-name=" + node.Name, "--kubernetes=on", "--kubeconfig=" + c.Kubeconfig(), fmt.Sprint("--max-concurrent-downloads=", node.Downloads)},
	})
	pulltrace.Start(t, pulltrace.Config{
		Socket: daemon.Socket, Endpoint: "http://127.0.0.1:4317", Env: append(env, "OTEL_METRICS_EXPORTER=prometheus"),
		Flags: []string{"--node-name=" + otherNode, "--kubernetes=off"},
	})
	for _, p := range []*prometheus.Server{c.withRules, c.withoutRules} {
		c.waitFor("both nodes to be heard of", func() error {
			if heard := p.Query("pulltrace_source_up == 1", time.Now()); len(heard) != 2 {
				return fmt.Errorf("it is heard of %v", heard)
			}
			return nil
		})
	}
	c.watchedSince = time.Now()
	return c
}

func (c *cluster) startRegistry(address string) *registry.Registry {
	c.Helper()
	reg, err := registry.StartOn(address)
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { reg.Close() })
	return reg
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
		time.Sleep(100 * time.Millisecond)
	}
}

// createPod creates a pod of one container, main.
func (c *cluster) createPod(name, image string) {
	c.Helper()
	_, err := c.Client.CoreV1().Pods(namespace).Create(c.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: new(bool), TerminationGracePeriodSeconds: new(int64(1)),
			Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
			Containers: []corev1.Container{{
				Name: "main", Image: image, ImagePullPolicy: corev1.PullIfNotPresent,
				Command:      []string{"/test/pause"}, // which the images have not
				VolumeMounts: []corev1.VolumeMount{{Name: "program", MountPath: "/test", ReadOnly: true}},
			}},
			Volumes: []corev1.Volume{{Name: "program", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: c.PauseDir()}}}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		c.Fatal(err)
	}
}

func (c *cluster) waitRunning(names ...string) {
	c.Helper()
	for _, name := range names {
		c.waitFor("pod "+name+" to run", func() error {
			pod, err := c.Client.CoreV1().Pods(namespace).Get(c.Context(), name, metav1.GetOptions{})
			if err == nil && pod.Status.Phase != corev1.PodRunning {
				err = fmt.Errorf("it is %s: %+v", pod.Status.Phase, pod.Status.ContainerStatuses)
			}
			return err
		})
	}
}

// events returns what the kubelet says of a pod for a reason.
func (c *cluster) events(pod, reason string) []corev1.Event {
	c.Helper()
	list, err := c.Client.CoreV1().Events(namespace).List(c.Context(), metav1.ListOptions{
		FieldSelector: "involvedObject.name=" + pod + ",reason=" + reason + ",source=kubelet",
	})
	if err != nil {
		c.Fatal(err)
	}
	return list.Items
}
