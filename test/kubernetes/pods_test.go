//go:build linux

package kubernetes

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// container is a container of an image that runs the program pause, which the tests'
// images have not, for a while or until it is stopped.
func container(name, image string, arguments ...string) corev1.Container {
	return corev1.Container{
		Name: name, Image: image,
		Command:      append([]string{"/test/pause"}, arguments...),
		VolumeMounts: []corev1.VolumeMount{{Name: "program", MountPath: "/test", ReadOnly: true}},
	}
}

// create creates a pod, which the scheduler gives to the node.
func (c *cluster) create(name string, spec corev1.PodSpec) *corev1.Pod {
	c.Helper()
	spec.AutomountServiceAccountToken = new(bool)
	spec.TerminationGracePeriodSeconds = new(int64(1))
	spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	spec.Volumes = append(spec.Volumes, corev1.Volume{
		Name: "program", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: c.PauseDir()}},
	})
	pod, err := c.Client.CoreV1().Pods(c.namespace).Create(c.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec,
	}, metav1.CreateOptions{})
	if err != nil {
		c.Fatal(err)
	}
	return pod
}

// createOf creates a pod of one container, main.
func (c *cluster) createOf(name, image string) *corev1.Pod {
	c.Helper()
	return c.create(name, corev1.PodSpec{Containers: []corev1.Container{container("main", image)}})
}

// get returns a pod as the API shows it now.
func (c *cluster) get(pod *corev1.Pod) *corev1.Pod {
	c.Helper()
	now, err := c.Client.CoreV1().Pods(pod.Namespace).Get(c.Context(), pod.Name, metav1.GetOptions{})
	if err != nil {
		c.Fatal(err)
	}
	return now
}

// readyToStart is when a pod's sandbox was there, and images could be pulled.
func (c *cluster) readyToStart(pod *corev1.Pod) metav1.Time {
	c.Helper()
	for _, condition := range c.get(pod).Status.Conditions {
		if condition.Type == corev1.PodReadyToStartContainers && condition.Status == corev1.ConditionTrue {
			return condition.LastTransitionTime
		}
	}
	c.Fatalf("pod %s has no sandbox", pod.Name)
	return metav1.Time{}
}

// waitRunning waits until all of a pod runs.
func (c *cluster) waitRunning(pods ...*corev1.Pod) {
	c.Helper()
	for _, pod := range pods {
		c.waitFor("pod "+pod.Name+" to run", func() error {
			if now := c.get(pod); now.Status.Phase != corev1.PodRunning {
				return fmt.Errorf("it is %s: %+v", now.Status.Phase, now.Status.ContainerStatuses)
			}
			return nil
		})
	}
}

// events returns what the kubelet says of a pod for a reason, the first first.
func (c *cluster) events(pod *corev1.Pod, reason string) []corev1.Event {
	c.Helper()
	list, err := c.Client.CoreV1().Events(c.namespace).List(c.Context(), metav1.ListOptions{
		FieldSelector: "involvedObject.name=" + pod.Name + ",reason=" + reason + ",source=kubelet",
	})
	if err != nil {
		c.Fatal(err)
	}
	slices.SortFunc(list.Items, func(a, b corev1.Event) int { return a.FirstTimestamp.Compare(b.FirstTimestamp.Time) })
	return list.Items
}

// showEvents shows what was said of the pods of a test that has failed.
func (c *cluster) showEvents() {
	if !c.Failed() {
		return
	}
	list, err := c.Client.CoreV1().Events(c.namespace).List(context.Background(), metav1.ListOptions{})
	if err != nil {
		c.Log(err)
		return
	}
	var lines strings.Builder
	for _, e := range list.Items {
		fmt.Fprintf(&lines, "%s %s %s x%d: %s\n", e.FirstTimestamp.Format("15:04:05"), e.InvolvedObject.Name, e.Reason, e.Count, e.Message)
	}
	c.Logf("events of the pods:\n%s", lines.String())
}
