//go:build linux

package kubernetes

import (
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

// rounding is how far off times are that were written down in another form: the kubelet's are
// of whole milliseconds and of a clock that goes on by itself.
const rounding = 10 * time.Millisecond

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
		spans = c.spansOf(img)
		return len(spans) >= count
	})
	if len(spans) > count {
		c.Fatalf("%d spans of %s, want %d", len(spans), img.Ref(), count)
	}
	return spans
}

// spansOf returns the spans of pulls of an image so far, in the order of their start.
func (c *cluster) spansOf(img *registry.Image) []otlp.Span {
	spans := slices.DeleteFunc(c.receiver.Spans("pull image"), func(s otlp.Span) bool {
		return s.Attributes["oci.manifest.digest"] != img.Root.Digest.String()
	})
	slices.SortFunc(spans, func(a, b otlp.Span) int { return a.Start.Compare(b.Start) })
	return spans
}

// checkPulled checks the span of a pull that went well against what the kubelet, containerd
// and the registry say. How long a call takes beside the pull in it is a matter of how busy
// the machine is, so nothing is held against a fixed bound: the pull begins between the call
// and the first request, and ends between the last byte and the call's return.
func (c *cluster) checkPulled(span otlp.Span, img *registry.Image, k pulled) {
	c.Helper()
	if got := span.Attributes["pulltrace.pull.outcome"]; got != "success" {
		c.Errorf("%s: outcome %v, want success", img.Ref(), got)
	}
	if got := span.Attributes["container.image.name"]; got != img.Name() {
		c.Errorf("%s: the image is named %v", img.Ref(), got)
	}
	if took := span.End.Sub(span.Start); took > k.alone+rounding {
		c.Errorf("%s: the span lasts %s, the kubelet's call took %s", img.Ref(), took, k.alone)
	}
	call := c.callOf(k.ref)
	first, last := c.requested(img, call)
	c.checkBetween(img.Ref()+": the start", span.Start, call.begun, first)
	c.checkBetween(img.Ref()+": the end", span.End, last, call.returned)
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

// checkBetween checks that a time is not before one nor after another.
func (c *cluster) checkBetween(what string, t, first, last time.Time) {
	c.Helper()
	if t.Before(first.Add(-rounding)) || t.After(last.Add(rounding)) {
		c.Errorf("%s is %s after the first time that it can be at, of %s", what, t.Sub(first), last.Sub(first))
	}
}

// checkQueued checks how long a pull waited for its turn: as long as the kubelet says, and
// what it took it to ask; so no longer than since the pod says that it was ready for it, in
// whole seconds.
func (c *cluster) checkQueued(span otlp.Span, k pulled, ready metav1.Time) {
	c.Helper()
	got, ok := span.Attributes["pulltrace.pull.time.queue"].(float64)
	queued := time.Duration(got * float64(time.Second))
	most := span.Start.Sub(ready.Time)
	if !ok || queued < k.waited-rounding || queued > most+rounding {
		c.Errorf("%s: queued for %s (told: %t), by the kubelet for %s, by the pod for at most %s", k.ref, queued, ok, k.waited, most)
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

// refused is how many refused pulls of the test's registry have been counted for a reason.
func (c *cluster) refused(errorType string) float64 { return c.refusedBy(c.registryName(), errorType) }

func (c *cluster) refusedBy(registry, errorType string) (count float64) {
	for _, p := range c.receiver.Points("pulltrace.pull.refused") {
		if p.Attributes["pulltrace.registry"] == registry && p.Attributes["error.type"] == errorType {
			count = p.Value
		}
	}
	return count
}

// checkUp waits for Pulltrace to say that Kubernetes answers, or does not.
func (c *cluster) checkUp(want float64) {
	c.Helper()
	c.checkLast("pulltrace.kubernetes.up", want)
}

// checkSource waits for Pulltrace to say that containerd answers, or does not.
func (c *cluster) checkSource(want float64) {
	c.Helper()
	c.checkLast("pulltrace.source.up", want)
}

func (c *cluster) checkLast(metric string, want float64) {
	c.Helper()
	c.waitTold(metric, func() bool {
		points := c.receiver.Points(metric)
		return len(points) > 0 && points[len(points)-1].Value == want
	})
}
