package telemetry

import (
	"maps"
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
	labels labels
	states []labels // of the layers, as in pull.LayerStates
	layers []layerSeries
	pods   map[pull.Waiter]labels // who waits now
	whole  bool                   // no series of layers

	pulls      []*pull.Pull // the running ones, or the one that ended last
	downloaded int64
	cached     int64
	progress   float64 // highest; it never falls
	counts     []int64 // of layers, as in pull.LayerStates

	ended   time.Time // when the end of the last pull was told; zero while one runs
	offered time.Time // when an export first asked for the last sample
}

// layerSeries is the live series of one layer.
type layerSeries struct {
	labels               labels
	shown                bool // it is fetched
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
	now := time.Now()
	pulls := make(map[imageKey][]*pull.Pull)
	for i := range u.Active {
		p := &u.Active[i]
		key := imageKey{p.ID.Namespace, p.Image.Root}
		pulls[key] = append(pulls[key], p)
	}
	end := func(p *pull.Pull) {
		key := imageKey{p.ID.Namespace, p.Image.Root}
		if len(pulls[key]) == 0 {
			im := r.image(key, p, now)
			im.ended = now
			im.update(p)
		}
	}
	for i := range u.Ended {
		if p := &u.Ended[i]; !r.over[p.ID] {
			end(p)
		}
		delete(r.over, u.Ended[i].ID)
	}
	for i := range u.Over {
		end(&u.Over[i])
		r.over[u.Over[i].ID] = true
	}
	for key, running := range pulls {
		r.image(key, running[0], now).update(running...)
	}
	r.expire()
}

// expire lets go of the images whose last sample has waited long enough.
func (r *Reporter) expire() {
	hold := holdPushed
	if r.sdk.Scraped {
		hold = holdScraped
	}
	r.release(func(im *image) bool { return time.Since(im.ended) > hold })
}

// release lets go of ended images.
func (r *Reporter) release(done func(*image) bool) (released bool) {
	before := len(r.images)
	maps.DeleteFunc(r.images, func(_ imageKey, im *image) bool { return !im.ended.IsZero() && done(im) })
	return len(r.images) < before
}

// image returns the series of an image, new ones if there are none, or if they
// had ended before: nothing of the last time is true of an image that is pulled
// again.
func (r *Reporter) image(key imageKey, p *pull.Pull, now time.Time) *image {
	if im := r.images[key]; im != nil && (im.ended.IsZero() || im.ended.Equal(now)) {
		return im
	}
	im := &image{whole: !r.LayerMetrics, attrs: []attribute.KeyValue{
		r.node,
		standard.OCIManifestDigest(key.root.String()),
		semconv.RegistryKey.String(r.registry(p.Image.Registry).name),
		semconv.NamespaceKey.String(key.namespace),
	}}
	if p.Image.Name != "" {
		im.attrs = append(im.attrs, standard.ContainerImageName(p.Image.Name))
	}
	im.labels = newLabels(im.attrs)
	for _, s := range pull.LayerStates {
		im.states = append(im.states, newLabels(im.attrs, semconv.LayerStateKey.String(string(s))))
	}
	im.counts = make([]int64, len(im.states))
	r.images[key] = im
	return im
}

// update takes the state of the image from its pulls: the running ones by start,
// or the last one when it has ended.
func (im *image) update(pulls ...*pull.Pull) {
	im.pulls = pulls
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
	im.updatePods()
}

// updateLayers takes the layers that some pull of the image fetches, and counts
// all by state.
func (im *image) updateLayers() {
	first := im.pulls[0]
	for i, state := range pull.LayerStates {
		im.counts[i] = 0
		for j := range first.Layers {
			if first.Layers[j].State == state {
				im.counts[i]++
			}
		}
	}
	if im.whole {
		return
	}
	if len(im.layers) < len(first.Layers) {
		im.layers = append(im.layers, make([]layerSeries, len(first.Layers)-len(im.layers))...)
	}
	for _, p := range im.pulls {
		for i := range p.Layers[:min(len(p.Layers), len(im.layers))] {
			l, series := &p.Layers[i], &im.layers[i]
			if !l.Download.Happened() {
				continue
			}
			if !series.shown {
				series.shown = true
				series.labels = newLabels(im.attrs, semconv.LayerDigestKey.String(l.Digest.String()), semconv.LayerIndexKey.Int(l.Index))
			}
			series.downloaded, series.expected = l.Downloaded, l.Size
		}
	}
}

func (im *image) observe(o metric.Observer, inst *instruments) {
	p, l := im.pulls[0], im.labels.observe
	o.ObserveInt64(inst.imageDownloaded, im.downloaded, l...)
	rate, idle := 0.0, p.Idle
	for _, other := range im.pulls {
		rate += other.Rate
		idle = min(idle, other.Idle)
	}
	o.ObserveFloat64(inst.imageRate, rate, l...)
	o.ObserveFloat64(inst.imageIdle, idle.Seconds(), l...)
	im.observePods(o, inst)
	if !p.TotalKnown {
		return
	}
	o.ObserveInt64(inst.imageSize, p.Size, l...)
	o.ObserveInt64(inst.imageCached, im.cached, l...)
	o.ObserveFloat64(inst.imageProgress, im.progress, l...)
	if p.Remaining >= 0 {
		o.ObserveFloat64(inst.imageRemaining, p.Remaining.Seconds(), l...)
	}
	for i, state := range im.states {
		o.ObserveInt64(inst.imageLayers, im.counts[i], state.observe...)
	}
	for i := range im.layers {
		if layer := &im.layers[i]; layer.shown {
			o.ObserveInt64(inst.layerDownloaded, layer.downloaded, layer.labels.observe...)
			o.ObserveInt64(inst.layerExpected, layer.expected, layer.labels.observe...)
		}
	}
}
