package telemetry

import (
	"context"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	standard "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/pulltrace/pulltrace/collector/pull"
	"github.com/pulltrace/pulltrace/semconv"
)

// pullSpans makes the trace of one ended pull.
type pullSpans struct {
	tracer trace.Tracer
	pull   *pull.Pull
}

// record makes all spans, and returns a context with the root in it.
func (s pullSpans) record(ctx context.Context, registry string) context.Context {
	p := s.pull
	ctx = s.span(ctx, semconv.SpanPull, p.Start, p.End, pullAttributes(p, registry), s.failed())
	if resolved := p.Resolved; !resolved.IsZero() {
		s.span(ctx, semconv.SpanResolve, p.Start, resolved, nil, false, semconv.SpanResolve)
	}
	for i := range p.Layers {
		s.layer(ctx, &p.Layers[i])
	}
	return ctx
}

// layer makes the span of a layer that was fetched or unpacked. What was
// unfinished ended with the pull.
func (s pullSpans) layer(ctx context.Context, l *pull.Layer) {
	start, end := l.Bounds()
	if start.IsZero() {
		return
	}
	unfinished := s.failed() && l.State != pull.LayerDone && l.State != pull.LayerCached
	if end.IsZero() || (unfinished && end.Before(s.pull.End)) {
		end = s.pull.End
	}
	name := strconv.Itoa(l.Index) + " " + l.Digest.String()
	ctx = s.span(ctx, semconv.SpanLayer, start, end, layerAttributes(l), unfinished, name)
	if l.Download.Happened() {
		s.span(ctx, semconv.SpanDownload, l.Download.Start, l.Download.End, nil, false, name, semconv.SpanDownload)
	}
	if l.Unpack.Happened() {
		s.span(ctx, semconv.SpanUnpack, l.Unpack.Start, l.Unpack.End, nil, false, name, semconv.SpanUnpack)
	}
}

func (s pullSpans) failed() bool { return s.pull.Outcome == pull.Failure }

// span makes one span; the path under the root gives it its ID.
func (s pullSpans) span(ctx context.Context, name string, start, end time.Time, attrs []attribute.KeyValue, failed bool, path ...string) context.Context {
	ctx = withIDs(ctx, TraceID(s.pull.ID), spanID(s.pull.ID, path...))
	ctx, span := s.tracer.Start(ctx, name, trace.WithTimestamp(start), trace.WithAttributes(attrs...))
	if failed {
		span.SetAttributes(standard.ErrorTypeKey.String(string(s.pull.Err)))
		span.SetStatus(codes.Error, s.pull.Message)
	}
	if end.Before(start) {
		end = start // two clocks of containerd, a moment apart
	}
	span.End(trace.WithTimestamp(end))
	return ctx
}

// pullAttributes are what is known of a pull, and how it ended if it has.
func pullAttributes(p *pull.Pull, registry string) []attribute.KeyValue {
	attrs := append(imageAttributes(p.Image),
		semconv.RegistryKey.String(registry),
		semconv.NamespaceKey.String(p.ID.Namespace),
		semconv.PullTotalKnownKey.Bool(p.TotalKnown),
		semconv.PullDownloadedKey.Int64(p.Downloaded),
		semconv.PullCachedKey.Int64(p.Cached),
	)
	if p.TotalKnown {
		downloaded, cached, lazy := p.LayerCounts()
		attrs = append(attrs,
			standard.ContainerImageID(p.ConfigDigest.String()),
			semconv.PullSizeKey.Int64(p.Size),
			semconv.PullLayersKey.Int(len(p.Layers)+p.MoreLayers),
			semconv.PullLayersDownloadedKey.Int(downloaded),
			semconv.PullLayersCachedKey.Int(cached),
		)
		if lazy > 0 {
			attrs = append(attrs, semconv.PullLazyKey.Int64(p.Lazy), semconv.PullLayersLazyKey.Int(lazy))
		}
	}
	if !p.Resolved.IsZero() {
		attrs = append(attrs, semconv.PullResolveTimeKey.Float64(p.Resolved.Sub(p.Start).Seconds()))
	}
	attrs = append(attrs, podsAttributes(p.Pods)...)
	if p.Outcome != "" {
		attrs = append(attrs, endAttributes(p)...)
	}
	return append(attrs, estimated(p.Estimated)...)
}

// endAttributes are how a pull ended, and where its time went.
func endAttributes(p *pull.Pull) []attribute.KeyValue {
	attrs := []attribute.KeyValue{
		semconv.OutcomeKey.String(string(p.Outcome)),
		semconv.PullDownloadTimeKey.Float64(p.DownloadTime().Seconds()),
		semconv.PullUnpackTimeKey.Float64(p.UnpackTime().Seconds()),
	}
	if p.Waited >= 0 {
		attrs = append(attrs, semconv.PullQueueTimeKey.Float64(p.Waited.Seconds()))
	}
	if p.Queued >= 0 {
		attrs = append(attrs, semconv.PullSlotWaitTimeKey.Float64(p.Queued.Seconds()))
	}
	if p.Err != pull.ErrAbandoned { // of which nothing may be lost
		attrs = append(attrs, semconv.PullWastedKey.Int64(p.Wasted()))
	}
	if p.Err != "" {
		attrs = append(attrs, standard.ErrorTypeKey.String(string(p.Err)))
	}
	return attrs
}

// imageAttributes identify the image on a span.
func imageAttributes(i pull.Image) []attribute.KeyValue {
	attrs := []attribute.KeyValue{standard.OCIManifestDigest(i.Root.String())}
	if i.Name != "" {
		attrs = append(attrs,
			standard.ContainerImageName(i.Name),
			standard.ContainerImageRepoDigests(i.Name+"@"+i.Root.String()))
	}
	if i.Tag != "" {
		attrs = append(attrs, standard.ContainerImageTags(i.Tag))
	}
	return attrs
}

func layerAttributes(l *pull.Layer) []attribute.KeyValue {
	attrs := []attribute.KeyValue{
		semconv.LayerDigestKey.String(l.Digest.String()),
		semconv.LayerIndexKey.Int(l.Index),
		semconv.LayerMediaTypeKey.String(l.MediaType),
		semconv.LayerSizeKey.Int64(l.Size),
		semconv.LayerDownloadedKey.Int64(l.Downloaded),
	}
	if l.Download.Happened() {
		attrs = append(attrs, semconv.LayerQueueTimeKey.Float64(l.Download.Start.Sub(l.Opened).Seconds()))
	}
	return append(attrs, estimated(l.Estimated)...)
}

func estimated(list []pull.Estimate) []attribute.KeyValue {
	if len(list) == 0 {
		return nil
	}
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = string(e)
	}
	return []attribute.KeyValue{semconv.EstimatedKey.StringSlice(names)}
}
