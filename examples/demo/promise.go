package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pulltrace/pulltrace/semconv"
	"github.com/pulltrace/pulltrace/test/otlp"
)

// outcomes are how the pulls of the role end, one after another.
func (r role) outcomes() []string {
	if r.cutAt > 0 {
		return []string{"failure", "success"}
	}
	return []string{"success"}
}

// awaitSpans waits for the spans of all pulls, some of which have only just
// ended. That some never come is for check to tell.
func (s *story) awaitSpans(ctx context.Context, backend *otlp.Receiver) error {
	pulls := 0
	for _, r := range s.roles {
		pulls += len(r.outcomes())
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return backend.Wait(ctx, fmt.Sprintf("spans of %d pulls", pulls), func() bool {
		return len(backend.Spans(semconv.SpanPull)) >= pulls
	})
}

// check holds what was exported against what the roles promise.
func (s *story) check(backend *otlp.Receiver) error {
	var errs []error
	for _, r := range s.roles {
		spans := pullSpans(backend, r.image.Root.Digest.String())
		if err := r.check(spans); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.name, err))
		}
	}
	stalled := slices.ContainsFunc(backend.Points(semconv.PullStalled.Name), func(p otlp.Point) bool { return p.Value > 0 })
	if !stalled {
		errs = append(errs, fmt.Errorf("%s never rose", semconv.PullStalled.Name))
	}
	return errors.Join(errs...)
}

// check holds the spans of the role's pulls, by start, against its fate.
func (r role) check(spans []otlp.Span) error {
	var outcomes []string
	for _, span := range spans {
		outcomes = append(outcomes, fmt.Sprint(span.Attributes[string(semconv.OutcomeKey)]))
	}
	if want := r.outcomes(); !slices.Equal(outcomes, want) {
		return fmt.Errorf("spans with outcomes %q came, not %q", outcomes, want)
	}
	last := spans[len(spans)-1]
	downloaded, _ := last.Attributes[string(semconv.PullDownloadedKey)].(int64)
	cached, _ := last.Attributes[string(semconv.PullCachedKey)].(int64)
	if downloaded+cached != r.image.Size() {
		return fmt.Errorf("%d bytes downloaded and %d cached are not the image's %d", downloaded, cached, r.image.Size())
	}
	if shared := r.sharedBytes(); cached < shared {
		return fmt.Errorf("%d bytes cached, but %d are shared", cached, shared)
	}
	return nil
}

// sharedBytes is the size of the layers that an earlier image has brought.
func (r role) sharedBytes() (sum int64) {
	for _, l := range r.image.Layers[:len(r.image.Layers)-len(r.layers)] {
		sum += l.Size
	}
	return sum
}

// pullSpans are the spans of the pulls of one image, by start.
func pullSpans(backend *otlp.Receiver, root string) []otlp.Span {
	spans := slices.DeleteFunc(backend.Spans(semconv.SpanPull), func(s otlp.Span) bool {
		return s.Attributes["oci.manifest.digest"] != root
	})
	slices.SortFunc(spans, func(a, b otlp.Span) int { return a.Start.Compare(b.Start) })
	return spans
}
