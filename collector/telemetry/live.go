package telemetry

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	standard "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/pulltrace/pulltrace/collector/pull"
	"github.com/pulltrace/pulltrace/semconv"
)

// imageKey tells the images that are pulled apart. Several pulls of one image
// share its series: the bytes exist once.
type imageKey struct {
	namespace string
	root      digest.Digest
}

// image is the live series of one image, as last observed.
type image struct {
	attrs  []attribute.KeyValue // as the image was first told
	set    metric.MeasurementOption
	states map[pull.LayerState]metric.MeasurementOption
	layers []layerSeries

	pulls      []*pull.Pull // the running ones, or the one that ended last
	downloaded int64
	cached     int64
	progress   float64 // highest; it never falls

	ended time.Time // of the last pull; zero while one runs
}

// layerSeries is the live series of one layer.
type layerSeries struct {
	set                  metric.MeasurementOption
	downloaded, expected int64
}

const (
	// holdScraped is how long the last sample of a series waits for a scrape.
	holdScraped = 30 * time.Second
	// holdPushed is how long it waits for an export to succeed, at most.
	holdPushed = 5 * time.Minute
)

// setImages brings the images up to date with the pulls of an update. An image
// whose last pull has ended keeps one last sample until that is delivered.
func (r *Reporter) setImages(u pull.Update) {
	pulls := make(map[imageKey][]*pull.Pull)
	for i := range u.Active {
		p := &u.Active[i]
		key := imageKey{p.ID.Namespace, p.Image.Root}
		pulls[key] = append(pulls[key], p)
	}
	for i := range u.Ended {
		p := &u.Ended[i]
		key := imageKey{p.ID.Namespace, p.Image.Root}
		if len(pulls[key]) == 0 {
			r.image(key, p).update(u.Time, p)
		}
	}
	for key, running := range pulls {
		r.image(key, running[0]).update(time.Time{}, running...)
	}
	hold := holdPushed
	if r.sdk.Scraped {
		hold = holdScraped
	}
	maps.DeleteFunc(r.images, func(_ imageKey, im *image) bool {
		return !im.ended.IsZero() && u.Time.Sub(im.ended) > hold
	})
}

// delivered lets go of the images whose last sample was exported.
func (r *Reporter) delivered(since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.images, func(_ imageKey, im *image) bool {
		return !r.sdk.Scraped && !im.ended.IsZero() && im.ended.Before(since)
	})
}

// image returns the series of an image, new ones if there are none.
func (r *Reporter) image(key imageKey, p *pull.Pull) *image {
	if im := r.images[key]; im != nil {
		return im
	}
	im := &image{states: make(map[pull.LayerState]metric.MeasurementOption)}
	im.attrs = []attribute.KeyValue{
		r.node,
		standard.OCIManifestDigest(key.root.String()),
		semconv.RegistryKey.String(r.registries.name(p.Image.Registry)),
		semconv.NamespaceKey.String(key.namespace),
	}
	if p.Image.Name != "" {
		im.attrs = append(im.attrs, standard.ContainerImageName(p.Image.Name))
	}
	im.set = im.with()
	for _, s := range pull.LayerStates {
		im.states[s] = im.with(semconv.LayerStateKey.String(string(s)))
	}
	r.images[key] = im
	return im
}

// with is the image's attributes and some more.
func (im *image) with(more ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(append(slices.Clip(im.attrs), more...)...))
}

// update takes the state of the image from its pulls: the running ones by start,
// or the last one when it has ended.
func (im *image) update(ended time.Time, pulls ...*pull.Pull) {
	im.pulls, im.ended = pulls, ended
	im.downloaded = 0
	there := int64(0)
	for _, p := range pulls {
		im.downloaded += p.Downloaded
		there = max(there, p.Downloaded+p.Cached)
	}
	// What one pull fetches is found by the others when it is complete, so the
	// one that has most tells how much was there before.
	first := pulls[0]
	im.cached = min(max(im.cached, there-im.downloaded), max(first.Size-im.downloaded, 0))
	if ratio, known := first.Progress(); known && len(pulls) == 1 {
		im.progress = max(im.progress, ratio)
	} else if first.Size > 0 {
		im.progress = max(im.progress, float64(im.downloaded+im.cached+first.Lazy)/float64(first.Size))
	}
	im.updateLayers()
}

// updateLayers takes the layers that some pull of the image fetches.
func (im *image) updateLayers() {
	if len(im.layers) == 0 {
		im.layers = make([]layerSeries, len(im.pulls[0].Layers))
	}
	for _, p := range im.pulls {
		for i := range p.Layers[:min(len(p.Layers), len(im.layers))] {
			l, series := &p.Layers[i], &im.layers[i]
			if !l.Download.Happened() {
				continue
			}
			if series.set == nil {
				series.set = im.with(semconv.LayerDigestKey.String(l.Digest.String()), semconv.LayerIndexKey.Int(l.Index))
			}
			series.downloaded, series.expected = l.Downloaded, l.Size
		}
	}
}

// observe is what the SDK asks for live series at each export.
func (r *Reporter) observe(_ context.Context, o metric.Observer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, im := range r.images {
		im.observe(o, r.instruments)
	}
	for _, t := range r.totals {
		t.observe(o, r.instruments)
	}
	up := int64(0)
	if r.up {
		up = 1
	}
	o.ObserveInt64(r.instruments.sourceUp, up, metric.WithAttributes(r.node))
	return nil
}

func (im *image) observe(o metric.Observer, inst *instruments) {
	p := im.pulls[0]
	o.ObserveInt64(inst.imageDownloaded, im.downloaded, im.set)
	rate, idle := 0.0, p.Idle
	for _, other := range im.pulls {
		rate += other.Rate
		idle = min(idle, other.Idle)
	}
	o.ObserveFloat64(inst.imageRate, rate, im.set)
	o.ObserveFloat64(inst.imageIdle, idle.Seconds(), im.set)
	if !p.TotalKnown {
		return
	}
	o.ObserveInt64(inst.imageSize, p.Size, im.set)
	o.ObserveInt64(inst.imageCached, im.cached, im.set)
	o.ObserveFloat64(inst.imageProgress, im.progress, im.set)
	if p.Remaining >= 0 {
		o.ObserveFloat64(inst.imageRemaining, p.Remaining.Seconds(), im.set)
	}
	count := make(map[pull.LayerState]int64)
	for _, l := range p.Layers {
		count[l.State]++
	}
	for state, set := range im.states {
		o.ObserveInt64(inst.imageLayers, count[state], set)
	}
	for _, l := range im.layers {
		if l.set != nil {
			o.ObserveInt64(inst.layerDownloaded, l.downloaded, l.set)
			o.ObserveInt64(inst.layerExpected, l.expected, l.set)
		}
	}
}
