package e2e

import (
	"slices"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

// pullLimit is how far a pull's start and end may be from the CRI call's own clock, at
// worst, on a machine that is not late itself.
const pullLimit = 50 * time.Millisecond

// clockLimit is how far one step of a pull may be from the registry's clock or
// containerd's record: more than a busy machine or disk is late, and less than any
// poll takes. How far they are as a rule is held over all pulls (bounds in
// report_test.go).
const clockLimit = 200 * time.Millisecond

// checkClock holds a span's start and end against the CRI call's own clock.
func (n *node) checkClock(span otlp.Span, pull cri.Pull) {
	n.Helper()
	begin := n.begin(span, pull)
	for what, times := range map[string]struct{ told, is time.Time }{
		"starts": {span.Start, begin}, "ends": {span.End, pull.End},
	} {
		late := 3 * lateAround(times.is) // a call goes through containerd and the registry, and Pulltrace sees it
		if off := times.told.Sub(times.is); off.Abs() > pullLimit+late {
			n.Errorf("the span of %s %s %s after the call; the machine is allowed %s", pull.Image, what, off, late)
		}
	}
}

// begin is when a span is to start: with the call, or, where it says that its start is
// estimated, for its lease was never seen, when the root had been served. That of a
// root that was there is within the call.
func (n *node) begin(span otlp.Span, pull cri.Pull) time.Time {
	if !isEstimated(span, "pull.start") {
		return pull.Start
	}
	for _, r := range n.registry.Requests() {
		if r.Digest.String() == span.Attributes["oci.manifest.digest"] && r.Written > 0 && r.Start.After(pull.Start) && r.End.Before(pull.End) {
			return r.End
		}
	}
	return clamp(span.Start, pull.Start, pull.End)
}

// clamp is t, or the bound of a stretch of time that it is out of.
func clamp(t, first, last time.Time) time.Time {
	return slices.MinFunc([]time.Time{slices.MaxFunc([]time.Time{t, first}, time.Time.Compare), last}, time.Time.Compare)
}

// checkAttribute holds one attribute of a span against what is true.
func (n *node) checkAttribute(span otlp.Span, key string, want any) {
	n.Helper()
	if got := span.Attributes[key]; got != want {
		n.Errorf("span %q has %s = %v (%[3]T), want %v (%[4]T)", span.Name, key, got, want)
	}
}

// checkSuccess checks all that the span of a good pull says, and that its time
// is the call's.
func (n *node) checkSuccess(span otlp.Span, img *registry.Image, pull cri.Pull, served int64) {
	n.Helper()
	n.checkSuccessIn("k8s.io", span, img, pull, served)
}

// checkSuccessIn is checkSuccess for a pull in a namespace of containerd.
func (n *node) checkSuccessIn(namespace string, span otlp.Span, img *registry.Image, pull cri.Pull, served int64) {
	n.Helper()
	n.record(span, pull, served)
	n.checkTold(namespace, span, img, pull, served)
}

// checkTold checks what the span of a good pull says that fetched so many bytes.
func (n *node) checkTold(namespace string, span otlp.Span, img *registry.Image, pull cri.Pull, fetched int64) {
	n.Helper()
	n.checkClock(span, pull)
	n.checkAttribute(span, "container.image.name", img.Name())
	n.checkAttribute(span, "pulltrace.containerd.namespace", namespace)
	n.checkAttribute(span, "pulltrace.pull.outcome", "success")
	n.checkAttribute(span, "error.type", nil)
	n.checkAttribute(span, "pulltrace.pull.total_known", true)
	n.checkAttribute(span, "pulltrace.pull.bytes.size", img.Size())
	n.checkAttribute(span, "pulltrace.pull.bytes.downloaded", fetched)
	n.checkAttribute(span, "pulltrace.pull.bytes.cached", img.Size()-fetched)
	n.checkAttribute(span, "pulltrace.pull.layer.count", int64(len(img.Layers)))
	if span.Resource["service.name"] != "pulltrace" || span.Resource["container.runtime.name"] != "containerd" {
		n.Errorf("the resource is %s", span.Resource)
	}
	if span.Kind != tracepb.Span_SPAN_KIND_INTERNAL || span.ParentID != "" || span.Status == tracepb.Status_STATUS_CODE_ERROR {
		n.Errorf("the span of %s has kind %s, parent %q, status %s", img.Ref(), span.Kind, span.ParentID, span.Status)
	}
}

// checkTree checks the spans below that of a pull which fetched these layers, and
// their ends against containerd's records.
func (n *node) checkTree(span otlp.Span, layers []*registry.Layer, img *registry.Image) {
	n.Helper()
	n.checkSpans(span, layers, img)
	n.checkRecords(span, img)
}

// checkSpans checks that there is one resolve, and for each layer its download and
// unpack, inside the pull's time and in their order.
func (n *node) checkSpans(span otlp.Span, layers []*registry.Layer, img *registry.Image) {
	n.Helper()
	names := map[string]int{}
	told := map[any]otlp.Span{}
	for _, child := range n.receiver.Children(span) {
		names[child.Name]++
		if child.Name == "layer" {
			told[child.Attributes["pulltrace.layer.digest"]] = child
		}
		if child.Start.Before(span.Start) || child.End.After(span.End) || child.End.Before(child.Start) {
			n.Errorf("a %s of %s is not within the pull:\n%s", child.Name, img.Ref(), n.receiver.Tree(span))
		}
	}
	if names["resolve"] != 1 || names["layer"] != len(layers) || len(names) != 2 {
		n.Errorf("%s has %v below it, want 1 resolve and %d layers:\n%s", img.Ref(), names, len(layers), n.receiver.Tree(span))
	}
	for _, layer := range layers {
		got, ok := told[layer.Digest.String()]
		if !ok {
			n.Errorf("%s has no span of layer %s", img.Ref(), layer.Digest)
			continue
		}
		n.checkAttribute(got, "pulltrace.layer.index", int64(slices.Index(img.Layers, layer)))
		n.checkAttribute(got, "pulltrace.layer.media_type", layer.MediaType)
		n.checkAttribute(got, "pulltrace.layer.size", layer.Size)
		steps := n.receiver.Children(got)
		if len(steps) != 2 || steps[0].Name != "download" || steps[1].Name != "unpack" || steps[1].Start.Before(steps[0].End) {
			n.Errorf("layer %s is not a download and then an unpack:\n%s", layer.Digest, n.receiver.Tree(got))
		}
	}
}
