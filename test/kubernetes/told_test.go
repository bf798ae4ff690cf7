//go:build linux

package kubernetes

import (
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"

	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

const (
	// within is half of how much longer the kubelet's call may take than the pull in it, on a
	// machine that is busy with other pods.
	within = 1500 * time.Millisecond
	// second is added where one of the times is the API's, which has whole seconds.
	second = time.Second
)

// waiter is a container of a pod, or one of its volumes, as Pulltrace must tell it.
type waiter struct {
	pod    *corev1.Pod
	name   string
	volume bool
}

// mainOf is the container main of a pod.
func mainOf(pod *corev1.Pod) waiter { return waiter{pod: pod, name: "main"} }

func (w waiter) String() string { return w.pod.Namespace + "/" + w.pod.Name + "/" + w.name }

// attributes are those of the one who waits.
func (w waiter) attributes() otlp.Attributes {
	attrs := otlp.Attributes{"k8s.namespace.name": w.pod.Namespace, "k8s.pod.name": w.pod.Name, "k8s.pod.uid": string(w.pod.UID)}
	if w.volume {
		attrs["k8s.volume.name"] = w.name
	} else {
		attrs["k8s.container.name"] = w.name
	}
	return attrs
}

// spans waits for as many spans of pulls of an image as there were, and returns them in
// the order of their start.
func (c *cluster) spans(img *registry.Image, count int) []otlp.Span {
	c.Helper()
	var spans []otlp.Span
	c.waitTold("the pull of "+img.Ref(), func() bool {
		spans = slices.DeleteFunc(c.receiver.Spans("pull image"), func(s otlp.Span) bool {
			return s.Attributes["oci.manifest.digest"] != img.Root.Digest.String()
		})
		return len(spans) >= count
	})
	if len(spans) > count {
		c.Fatalf("%d spans of %s, want %d", len(spans), img.Ref(), count)
	}
	slices.SortFunc(spans, func(a, b otlp.Span) int { return a.Start.Compare(b.Start) })
	return spans
}

// checkPulled checks the span of a pull that went well against what the kubelet says.
func (c *cluster) checkPulled(span otlp.Span, img *registry.Image, k pulled) {
	c.Helper()
	if got := span.Attributes["pulltrace.pull.outcome"]; got != "success" {
		c.Errorf("%s: outcome %v, want success", img.Ref(), got)
	}
	if got := span.Attributes["container.image.name"]; got != img.Name() {
		c.Errorf("%s: the image is named %v", img.Ref(), got)
	}
	if took := span.End.Sub(span.Start); took > k.alone+within/10 || took < k.alone-2*within {
		c.Errorf("%s: the span lasts %s, the kubelet's call took %s", img.Ref(), took, k.alone)
	}
	if got, want := span.Attributes["pulltrace.pull.bytes.downloaded"], img.Size(); got != want {
		c.Errorf("%s: %v bytes downloaded, want %d", img.Ref(), got, want)
	}
}

// checkTag checks what a span says that was asked for; nothing where tag is empty.
func (c *cluster) checkTag(span otlp.Span, tag string) {
	c.Helper()
	var want any
	if tag != "" {
		want = []any{tag}
	}
	if diff := cmp.Diff(want, span.Attributes["container.image.tags"]); diff != "" {
		c.Errorf("tags of %v (-want +got):\n%s", span.Attributes["container.image.name"], diff)
	}
}

// checkQueued checks how long a pull waited for its turn. The API has whole seconds, and
// the kubelet takes some time more to see that an init container has ended.
func (c *cluster) checkQueued(span otlp.Span, k pulled, more ...time.Duration) {
	c.Helper()
	got, ok := span.Attributes["pulltrace.pull.time.queue"].(float64)
	queued := time.Duration(got * float64(time.Second))
	allowed := second + within
	for _, d := range more {
		allowed += d
	}
	if !ok || (queued-k.waited).Abs() > allowed {
		c.Errorf("%v: queued for %s (told: %t), the kubelet says %s", span.Attributes["container.image.name"], queued, ok, k.waited)
	}
}

// checkWaiters checks whom a span says to have waited for the pull.
func (c *cluster) checkWaiters(span otlp.Span, waiters ...waiter) {
	c.Helper()
	list, one := []any{}, otlp.Attributes{}
	for _, w := range waiters {
		list = append(list, w.String())
	}
	if len(waiters) == 1 {
		one = waiters[0].attributes()
	}
	got := otlp.Attributes{}
	for _, key := range []string{"k8s.namespace.name", "k8s.pod.name", "k8s.pod.uid", "k8s.container.name", "k8s.volume.name"} {
		if value, ok := span.Attributes[key]; ok {
			got[key] = value
		}
	}
	if diff := cmp.Diff(one, got); diff != "" {
		c.Errorf("who waited for %v (-want +got):\n%s", span.Attributes["container.image.name"], diff)
	}
	told, _ := span.Attributes["pulltrace.pull.pods"].([]any)
	if diff := cmp.Diff(list, told, cmpopts.EquateEmpty()); diff != "" {
		c.Errorf("the pods of %v (-want +got):\n%s", span.Attributes["container.image.name"], diff)
	}
}

// waiting are the points that tell of those who wait for an image.
func (c *cluster) waiting(img *registry.Image, w waiter) []otlp.Point {
	return slices.DeleteFunc(c.receiver.Points("pulltrace.image.pod.count"), func(p otlp.Point) bool {
		for key, value := range w.attributes() {
			if p.Attributes[key] != value {
				return true
			}
		}
		return p.Attributes["oci.manifest.digest"] != img.Root.Digest.String()
	})
}

// checkWaiting waits until it is told that somebody waits for an image, by its tag.
func (c *cluster) checkWaiting(img *registry.Image, tag string, waiters ...waiter) {
	c.Helper()
	for _, w := range waiters {
		c.waitTold(w.String()+" to wait for "+img.Ref(), func() bool { return len(c.waiting(img, w)) > 0 })
		point := c.waiting(img, w)[0]
		var want any
		if tag != "" {
			want = tag
		}
		if got := point.Attributes["pulltrace.image.tag"]; point.Value != 1 || got != want {
			c.Errorf("%s: %v waits for the tag %v, want 1 and %v", w, point.Value, got, want)
		}
	}
}

// checkNobodyWaits waits until the series of those who waited have ended.
func (c *cluster) checkNobodyWaits(img *registry.Image, waiters ...waiter) {
	c.Helper()
	for _, w := range waiters {
		c.waitTold(w.String()+" to wait no longer", func() bool {
			points := c.waiting(img, w)
			return len(points) > 0 && (points[len(points)-1].NoValue || points[len(points)-1].Value == 0)
		})
	}
}

// refused is how many refused pulls have been counted for a reason.
func (c *cluster) refused(errorType string) (count float64) {
	for _, p := range c.receiver.Points("pulltrace.pull.refused") {
		if p.Attributes["pulltrace.registry"] == c.registryName() && p.Attributes["error.type"] == errorType {
			count = p.Value
		}
	}
	return count
}

// checkUp waits for Pulltrace to say that Kubernetes answers, or does not.
func (c *cluster) checkUp(want float64) {
	c.Helper()
	c.waitTold("the state of Kubernetes", func() bool {
		points := c.receiver.Points("pulltrace.kubernetes.up")
		return len(points) > 0 && points[len(points)-1].Value == want
	})
}
