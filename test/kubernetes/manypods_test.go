//go:build linux

package kubernetes

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const requestsAtOnce = 16

// makePods creates so many pods on nodes, by turns. They are about as large as those
// of real clusters.
func (c *cluster) makePods(nodes []string, count int) []*corev1.Pod {
	c.Helper()
	pods := make([]*corev1.Pod, count)
	c.each(pods, func(ctx context.Context, i int) (err error) {
		nodeName := nodes[i%len(nodes)]
		pods[i], err = c.Client.CoreV1().Pods(c.namespace).Create(ctx, largePod(fmt.Sprintf("%s-%d", nodeName, i), nodeName), metav1.CreateOptions{})
		return err
	})
	return pods
}

func largePod(name, nodeName string) *corev1.Pod {
	labels := map[string]string{"app.kubernetes.io/name": "app", "app.kubernetes.io/instance": name, "pod-template-hash": "7d4b9c6f5"}
	app := corev1.Container{Name: "app", Image: "registry.example.com/team/application:1.2.3", Args: []string{"--listen=:8080", "--config=/etc/app/config.yaml"}}
	for i := range 20 {
		app.Env = append(app.Env, corev1.EnvVar{Name: fmt.Sprintf("APPLICATION_SETTING_%d", i), Value: "a value of some length, as they are"})
	}
	proxy := *app.DeepCopy()
	proxy.Name, proxy.Image = "proxy", "registry.example.com/mesh/proxy:4.5.6"
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels, Annotations: map[string]string{"example.com/checksum": fmt.Sprintf("%064d", 1)}},
		Spec:       corev1.PodSpec{NodeName: nodeName, AutomountServiceAccountToken: new(bool), Containers: []corev1.Container{app, proxy}},
	}
}

// touch changes the status of pods, as their kubelets do.
func (c *cluster) touch(pods []*corev1.Pod) {
	c.Helper()
	c.each(pods, func(ctx context.Context, i int) error {
		pod := pods[i].DeepCopy()
		pod.ResourceVersion = "" // whatever it is now
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
			Type: corev1.PodReadyToStartContainers, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(time.Now()),
		})
		_, err := c.Client.CoreV1().Pods(c.namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
		return err
	})
}

// removePods removes all pods of the test at once, for there is no kubelet to end them.
func (c *cluster) removePods() {
	c.Helper()
	err := c.Client.CoreV1().Pods(c.namespace).DeleteCollection(c.Context(),
		metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}, metav1.ListOptions{})
	if err != nil {
		c.Fatal(err)
	}
}

// each calls do for each pod, some at once.
func (c *cluster) each(pods []*corev1.Pod, do func(ctx context.Context, i int) error) {
	c.Helper()
	group, ctx := errgroup.WithContext(c.Context())
	group.SetLimit(requestsAtOnce)
	for i := range pods {
		group.Go(func() error { return do(ctx, i) })
	}
	if err := group.Wait(); err != nil {
		c.Fatal(err)
	}
}
