package telemetry

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	standard "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/pulltrace/pulltrace/collector/pull"
	"github.com/pulltrace/pulltrace/semconv"
)

// updatePods takes who waits for any of the image's running pulls. For one that has
// ended nobody waits.
func (im *image) updatePods() {
	before := im.pods
	im.pods = make(map[pull.Waiter]labels)
	if !im.ended.IsZero() {
		return
	}
	for _, p := range im.pulls {
		for _, w := range p.Pods {
			w.Ready, w.Deleted = time.Time{}, time.Time{} // as is known of it tells no two apart
			l, known := before[w]
			if !known {
				l = newLabels(im.attrs, waiterAttributes(&w)...)
			}
			im.pods[w] = l
		}
	}
}

func (im *image) observePods(o metric.Observer, inst *instruments) {
	for _, l := range im.pods {
		o.ObserveInt64(inst.imagePods, 1, l.observe...)
	}
}

// waiterAttributes say who waits, and for which tag.
func waiterAttributes(w *pull.Waiter) []attribute.KeyValue {
	attrs := podAttributes(w)
	if w.Image.Tag != "" && w.Image.Digest == "" {
		attrs = append(attrs, semconv.ImageTagKey.String(w.Image.Tag))
	}
	return attrs
}

func podAttributes(w *pull.Waiter) []attribute.KeyValue {
	attrs := []attribute.KeyValue{
		standard.K8SNamespaceName(w.Pod.Namespace),
		standard.K8SPodName(w.Pod.Name),
		standard.K8SPodUID(w.Pod.UID),
	}
	if w.Container != "" {
		return append(attrs, standard.K8SContainerName(w.Container))
	}
	return append(attrs, standard.K8SVolumeName(w.Volume))
}

// podsAttributes say on a span who waited. The one who did has the standard's names,
// too.
func podsAttributes(waiters []pull.Waiter) []attribute.KeyValue {
	if len(waiters) == 0 {
		return nil
	}
	names := make([]string, len(waiters))
	for i, w := range waiters {
		names[i] = w.String()
	}
	attrs := []attribute.KeyValue{semconv.PullPodsKey.StringSlice(names)}
	if len(waiters) == 1 {
		attrs = append(attrs, podAttributes(&waiters[0])...)
	}
	return attrs
}
