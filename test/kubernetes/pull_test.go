//go:build linux

package kubernetes

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pulltrace/pulltrace/test/registry"
)

// A pod waits for one image.
func TestOneImage(t *testing.T) {
	c := newCluster(t)
	img := c.push("app:1", 2*mib, 1*mib)
	pod := c.createOf("app", img.Ref())
	w := mainOf(pod)
	c.checkWaiting(img, "1", w)
	c.waitRunning(pod)

	span, k := c.spans(img, 1)[0], c.pulledBy(pod, img.Ref())
	c.checkPulled(span, img, k)
	c.checkTag(span, "1")
	c.checkQueued(span, k, c.readyToStart(pod))
	c.checkWaiters(span, w)
	c.checkNobodyWaits(img, w)
	c.checkUp(1)
}

// Two tags of one repository are pulled at once: each pull has its own tag and pod.
func TestTwoTagsAtOnce(t *testing.T) {
	c := newCluster(t)
	one, two := c.push("app:1", 2*mib), c.push("app:2", 2*mib)
	first, second := c.createOf("first", one.Ref()), c.createOf("second", two.Ref())
	c.waitRunning(first, second)

	for _, pull := range []struct {
		*registry.Image
		pod *corev1.Pod
	}{{one, first}, {two, second}} {
		span, k := c.spans(pull.Image, 1)[0], c.pulledBy(pull.pod, pull.Ref())
		c.checkPulled(span, pull.Image, k)
		c.checkTag(span, pull.Tag)
		c.checkWaiters(span, mainOf(pull.pod))
	}
}

// An image that is asked for by its digest has no tag.
func TestByDigest(t *testing.T) {
	c := newCluster(t)
	img := c.push("app:1", 2*mib)
	ref := img.Name() + "@" + img.Root.Digest.String()
	pod := c.createOf("app", ref)
	w := mainOf(pod)
	c.checkWaiting(img, "", w)
	c.waitRunning(pod)

	span, k := c.spans(img, 1)[0], c.pulledBy(pod, ref)
	c.checkPulled(span, img, k)
	c.checkTag(span, "")
	c.checkWaiters(span, w)
}

// Init containers are pulled for one after the other, each when it is its turn. None is
// queued because those before it took their time.
func TestInitContainers(t *testing.T) {
	c := newCluster(t)
	first, sidecar, main := c.push("first:1", 1*mib), c.push("sidecar:1", 1*mib), c.push("main:1", 3*mib)
	always := corev1.ContainerRestartPolicyAlways
	restarts := container("sidecar", sidecar.Ref())
	restarts.RestartPolicy = &always
	pod := c.create("app", corev1.PodSpec{
		InitContainers: []corev1.Container{container("first", first.Ref(), "2s"), restarts},
		Containers:     []corev1.Container{container("main", main.Ref())},
	})
	c.checkWaiting(main, "1", mainOf(pod))
	c.waitRunning(pod)

	before := c.get(pod).Status.InitContainerStatuses
	for img, ready := range map[*registry.Image]metav1.Time{
		first:   c.readyToStart(pod),
		sidecar: before[0].State.Terminated.FinishedAt,
		main:    before[1].State.Running.StartedAt,
	} {
		span, k := c.spans(img, 1)[0], c.pulledBy(pod, img.Ref())
		c.checkPulled(span, img, k)
		c.checkQueued(span, k, ready)
		c.checkWaiters(span, waiter{pod: pod, name: strings.TrimPrefix(img.Repository, c.namespace+"/")})
	}
}

// A pod with an image as a volume waits for that before it waits for its containers.
func TestImageVolume(t *testing.T) {
	c := newCluster(t)
	volume, main := c.push("volume:1", 2*mib), c.push("main:1", 1*mib)
	app := container("main", main.Ref())
	app.VolumeMounts = append(app.VolumeMounts, corev1.VolumeMount{Name: "data", MountPath: "/data"})
	pod := c.create("app", corev1.PodSpec{
		Containers: []corev1.Container{app},
		Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			Image: &corev1.ImageVolumeSource{Reference: volume.Ref(), PullPolicy: corev1.PullIfNotPresent},
		}}},
	})
	c.waitRunning(pod)

	for _, pull := range []struct {
		*registry.Image
		waiter
	}{{volume, waiter{pod: pod, name: "data", volume: true}}, {main, mainOf(pod)}} {
		span, k := c.spans(pull.Image, 1)[0], c.pulledBy(pod, pull.Ref())
		c.checkPulled(span, pull.Image, k)
		c.checkWaiters(span, pull.waiter)
		if pull.volume { // nothing tells when its pull has ended, and the next could begin
			c.checkQueued(span, k, c.readyToStart(pod))
		}
	}
}

// Two pods wait for one image at once. The kubelet pulls it for each of them.
func TestTwoPodsOneImage(t *testing.T) {
	c := newCluster(t)
	img := c.push("app:1", 6*mib) // so that the second is asked for before the first is there
	first := mainOf(c.createOf("first", img.Ref()))
	second := mainOf(c.createOf("second", img.Ref()))
	c.checkWaiting(img, "1", first, second)
	c.waitRunning(first.pod, second.pod)

	// Which of the two pulls was for whom nobody can tell; that of the first to ask was not
	// for one who asked later.
	var told []any
	for _, span := range c.spans(img, 2) {
		c.checkTag(span, "1")
		pods, _ := span.Attributes["pulltrace.pull.pods"].([]any)
		told = append(told, pods...)
	}
	for _, w := range []waiter{first, second} {
		if !slices.Contains(told, any(w.String())) {
			t.Errorf("%s waited for neither of the pulls: %v", w, told)
		}
	}
	c.checkNobodyWaits(img, first, second)
}
