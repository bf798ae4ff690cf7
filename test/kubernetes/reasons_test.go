//go:build linux

package kubernetes

import (
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pulltrace/pulltrace/test/kubernetes/node"
	"github.com/pulltrace/pulltrace/test/registry"
)

// An image volume that there is not: its pod's container is told to wait for it, and the
// registry counts that refuses it.
func TestMissingImageVolume(t *testing.T) {
	c := newCluster(t)
	main := c.push("main:1", 1*mib)
	volume := c.Registry.Host() + "/" + c.namespace + "/volume:missing"
	app := container("main", main.Ref())
	app.VolumeMounts = append(app.VolumeMounts, corev1.VolumeMount{Name: "data", MountPath: "/data"})
	pod := c.create("app", corev1.PodSpec{
		Containers: []corev1.Container{app},
		Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
			Image: &corev1.ImageVolumeSource{Reference: volume, PullPolicy: corev1.PullIfNotPresent},
		}}},
	})
	c.refusals(pod, volume, 1)
	c.waitTold("a refused pull", func() bool { return c.refused("not_found") == 1 })
	c.delete(pod)
	if served := c.served(main); served != 0 {
		t.Errorf("%d bytes of the container's image were served", served)
	}
}

// Pulls that are refused before anything was fetched, each for a reason of its own.
func TestReasonsOfRefusal(t *testing.T) {
	c := newCluster(t)
	faulty := func(name string, fault registry.Fault) string {
		img := c.push(name+":1", 1*mib)
		c.Registry.SetFaults(img.Root.Digest, fault)
		return img.Ref()
	}
	waits := map[string]*corev1.Pod{}
	for reason, image := range map[string]string{
		"connection": "127.0.0.1:1/" + c.namespace + "/app:1",      // nobody listens there
		"dns":        "registry.invalid/" + c.namespace + "/app:1", // no such host
		"tls":        node.Server + "/" + c.namespace + "/app:1",   // whose certificate containerd does not trust
		"rejected":   c.push("rejected:1", 1*mib).Ref(),            // by the image verifier
		"timeout":    faulty("timeout", registry.Status(http.StatusGatewayTimeout)),
		"_OTHER":     faulty("other", registry.Status(http.StatusTeapot)),
	} {
		waits[reason] = c.createOf("pod-"+podName(reason), image)
	}
	for reason, pod := range waits {
		image := pod.Spec.Containers[0].Image
		c.refusals(pod, image, 1)
		c.waitTold("a pull refused for "+reason, func() bool { return c.refusedBy(registryOf(image), reason) > 0 })
		c.delete(pod)
		if got := c.refusedBy(registryOf(image), reason); got != 1 {
			t.Errorf("%v pulls refused for %s, want 1", got, reason)
		}
	}
}

// Pulls that fail when some of the image has come, each for a reason of its own.
func TestReasonsOfFailure(t *testing.T) {
	c := newCluster(t)
	broken, err := registry.NewBrokenLayer(1 * mib)
	if err != nil {
		t.Fatal(err)
	}
	type failing struct {
		*registry.Image
		pod *corev1.Pod
	}
	pulls := map[string]failing{}
	for reason, fault := range map[string]registry.Fault{
		"not_found":    registry.Status(http.StatusNotFound),
		"unauthorized": registry.Status(http.StatusForbidden),
		"rate_limited": registry.Status(http.StatusTooManyRequests),
		"timeout":      registry.Status(http.StatusGatewayTimeout),
		"checksum":     registry.Corrupt(),
		"_OTHER":       registry.Status(http.StatusTeapot),
	} {
		img := c.push(podName(reason)+":1", 3*mib, 1*mib)
		c.Registry.SetFaults(img.Layers[1].Digest, registry.Delay(1500*time.Millisecond), fault) // in the middle of the other
		pulls[reason] = failing{img, nil}
	}
	img, err := c.Registry.Push(c.namespace+"/unpack:1", []*registry.Layer{broken})
	if err != nil {
		t.Fatal(err)
	}
	pulls["unpack"] = failing{img, nil}
	for reason, p := range pulls {
		p.pod = c.createOf("pod-"+podName(reason), p.Ref())
		pulls[reason] = p
	}
	for reason, p := range pulls {
		c.refusals(p.pod, p.Ref(), 1)
		c.waitTold("the pull that fails for "+reason, func() bool { return len(c.spansOf(p.Image)) > 0 })
		c.delete(p.pod)
		span := c.spansOf(p.Image)[0]
		if got := span.Attributes["pulltrace.pull.outcome"]; got != "failure" {
			t.Errorf("%s: outcome %v, want failure", reason, got)
		}
		if got := span.Attributes["error.type"]; got != reason {
			t.Errorf("%s: error.type %v", reason, got)
		}
		c.checkWaiters(span, mainOf(p.pod))
		if got := c.refused(reason); got != 0 {
			t.Errorf("%v pulls refused for %s: this one has fetched something", got, reason)
		}
	}
}

// podName is a reason as a part of a pod's name.
func podName(reason string) string {
	return strings.Trim(strings.ToLower(strings.ReplaceAll(reason, "_", "-")), "-")
}

// delete ends a pod at once, before the kubelet tries again.
func (c *cluster) delete(pod *corev1.Pod) {
	c.Helper()
	err := c.Client.CoreV1().Pods(c.namespace).Delete(c.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))})
	if err != nil {
		c.Fatal(err)
	}
}
