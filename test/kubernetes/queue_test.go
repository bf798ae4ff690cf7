//go:build linux

package kubernetes

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/pulltrace/pulltrace/test/kubernetes/node"
	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

// A kubelet that pulls one image after the other makes the pods wait for their turns.
func TestSerialPulls(t *testing.T) { testQueue(t, node.Pulls{Serial: true}, 1) }

// A kubelet that pulls two images at once, and has more to pull.
func TestParallelPulls(t *testing.T) { testQueue(t, node.Pulls{Max: 2}, 2) }

// testQueue has twice as many pods at once as the kubelet has slots, and one more.
func testQueue(t *testing.T, pulls node.Pulls, slots int) {
	t.Helper()
	c := newClusterOn(t, withKubelet(t, pulls))
	type pull struct {
		*registry.Image
		pod *corev1.Pod
	}
	var all []pull
	for i := range 2*slots + 1 {
		img := c.push(fmt.Sprintf("app-%d:1", i), 2*mib)
		all = append(all, pull{img, c.createOf(fmt.Sprintf("app-%d", i), img.Ref())})
	}
	var spans []otlp.Span
	longest := time.Duration(0)
	for _, p := range all {
		c.waitRunning(p.pod)
		span, k := c.spans(p.Image, 1)[0], c.pulledBy(p.pod, p.Ref())
		c.checkPulled(span, p.Image, k)
		c.checkQueued(span, k, c.readyToStart(p.pod))
		c.checkWaiters(span, mainOf(p.pod))
		spans, longest = append(spans, span), max(longest, k.waited)
	}
	if atOnce := mostAtOnce(spans); atOnce != slots {
		t.Errorf("%d pulls at once, want %d", atOnce, slots)
	}
	if longest < 3*time.Second {
		t.Errorf("no pull has waited for longer than %s: there was no queue", longest)
	}
	c.checkQueueTotal(spans)
}

// mostAtOnce is how many of the spans ran at once, at the most.
func mostAtOnce(spans []otlp.Span) (most int) {
	for _, at := range spans {
		running := 0
		for _, s := range spans {
			if !s.Start.After(at.Start) && s.End.After(at.Start) {
				running++
			}
		}
		most = max(most, running)
	}
	return most
}

// checkQueueTotal holds the histogram against the spans.
func (c *cluster) checkQueueTotal(spans []otlp.Span) {
	c.Helper()
	want := 0.0
	for _, s := range spans {
		queued, _ := s.Attributes["pulltrace.pull.time.queue"].(float64)
		want += queued
	}
	var got otlp.Point
	c.waitTold("the total of queues", func() bool {
		for _, p := range c.receiver.Points("pulltrace.pull.queue.duration") {
			if p.Attributes["pulltrace.registry"] == c.registryName() && p.Attributes["pulltrace.pull.outcome"] == "success" {
				got = p
			}
		}
		return got.Count >= uint64(len(spans))
	})
	if got.Count != uint64(len(spans)) || got.Sum < want-0.01 || got.Sum > want+0.01 {
		c.Errorf("%d pulls queued for %.3f s by the histogram, %d for %.3f s by the spans", got.Count, got.Sum, len(spans), want)
	}
}
