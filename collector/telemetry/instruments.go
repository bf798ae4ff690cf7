package telemetry

import (
	"errors"

	"go.opentelemetry.io/otel/metric"

	"github.com/pulltrace/pulltrace/semconv"
)

// instruments are all instruments of a reporter. The live ones are observable:
// a synchronous gauge would keep the last point of every image for ever.
type instruments struct {
	imageDownloaded, imageSize, imageCached metric.Int64ObservableGauge
	imageProgress, imageRate                metric.Float64ObservableGauge
	imageRemaining, imageIdle               metric.Float64ObservableGauge
	imageLayers, imagePods                  metric.Int64ObservableUpDownCounter
	layerDownloaded, layerExpected          metric.Int64ObservableGauge

	pullActive, pullStalled    metric.Int64ObservableUpDownCounter
	sourceUp, sourceEventsUp   metric.Int64ObservableGauge
	kubernetesUp               metric.Int64ObservableGauge
	sourceUnread               metric.Int64ObservableUpDownCounter
	seriesCount, processMemory metric.Int64ObservableUpDownCounter

	pullDuration, pullRate                       metric.Float64Histogram
	queueDuration, slotWaitDuration              metric.Float64Histogram
	resolveDuration                              metric.Float64Histogram
	downloadDuration, unpackDuration             metric.Float64Histogram
	pollDuration                                 metric.Float64Histogram
	pullDownloaded                               metric.Int64Histogram
	pullStalls, downloadIO, downloadWasted, hits metric.Int64Counter
	pullRefused, limitOmitted                    metric.Int64Counter
}

func newInstruments(meter metric.Meter) (*instruments, error) {
	m := maker{meter: meter}
	i := &instruments{
		imageDownloaded:  made(&m, semconv.ImageDownloaded, meter.Int64ObservableGauge),
		imageSize:        made(&m, semconv.ImageSize, meter.Int64ObservableGauge),
		imageCached:      made(&m, semconv.ImageCached, meter.Int64ObservableGauge),
		imageProgress:    made(&m, semconv.ImageProgress, meter.Float64ObservableGauge),
		imageRate:        made(&m, semconv.ImageRate, meter.Float64ObservableGauge),
		imageRemaining:   made(&m, semconv.ImageRemaining, meter.Float64ObservableGauge),
		imageIdle:        made(&m, semconv.ImageIdle, meter.Float64ObservableGauge),
		imageLayers:      made(&m, semconv.ImageLayers, meter.Int64ObservableUpDownCounter),
		imagePods:        made(&m, semconv.ImagePods, meter.Int64ObservableUpDownCounter),
		layerDownloaded:  made(&m, semconv.LayerDownloaded, meter.Int64ObservableGauge),
		layerExpected:    made(&m, semconv.LayerExpected, meter.Int64ObservableGauge),
		pullActive:       made(&m, semconv.PullActive, meter.Int64ObservableUpDownCounter),
		pullStalled:      made(&m, semconv.PullStalled, meter.Int64ObservableUpDownCounter),
		sourceUp:         made(&m, semconv.SourceUp, meter.Int64ObservableGauge),
		sourceEventsUp:   made(&m, semconv.SourceEventsUp, meter.Int64ObservableGauge),
		sourceUnread:     made(&m, semconv.SourceUnread, meter.Int64ObservableUpDownCounter),
		kubernetesUp:     made(&m, semconv.KubernetesUp, meter.Int64ObservableGauge),
		seriesCount:      made(&m, semconv.SeriesCount, meter.Int64ObservableUpDownCounter),
		processMemory:    made(&m, semconv.ProcessMemory, meter.Int64ObservableUpDownCounter),
		pullDuration:     made(&m, semconv.PullDuration, meter.Float64Histogram),
		pullRate:         made(&m, semconv.PullRate, meter.Float64Histogram),
		queueDuration:    made(&m, semconv.PullQueueDuration, meter.Float64Histogram),
		slotWaitDuration: made(&m, semconv.PullSlotWaitDuration, meter.Float64Histogram),
		resolveDuration:  made(&m, semconv.PullResolveDuration, meter.Float64Histogram),
		downloadDuration: made(&m, semconv.PullDownloadDuration, meter.Float64Histogram),
		unpackDuration:   made(&m, semconv.PullUnpackDuration, meter.Float64Histogram),
		pollDuration:     made(&m, semconv.SourcePollDuration, meter.Float64Histogram),
		pullDownloaded:   made(&m, semconv.PullDownloaded, meter.Int64Histogram),
		pullStalls:       made(&m, semconv.PullStalls, meter.Int64Counter),
		pullRefused:      made(&m, semconv.PullRefused, meter.Int64Counter),
		limitOmitted:     made(&m, semconv.LimitOmitted, meter.Int64Counter),
		downloadIO:       made(&m, semconv.DownloadIO, meter.Int64Counter),
		downloadWasted:   made(&m, semconv.DownloadWasted, meter.Int64Counter),
		hits:             made(&m, semconv.CacheHit, meter.Int64Counter),
	}
	return i, errors.Join(m.errs...)
}

// liveMetrics are those whose series end.
var liveMetrics = []string{
	semconv.ImageDownloaded.Name, semconv.ImageSize.Name, semconv.ImageCached.Name, semconv.ImageProgress.Name,
	semconv.ImageRate.Name, semconv.ImageRemaining.Name, semconv.ImageIdle.Name, semconv.ImageLayers.Name, semconv.ImagePods.Name,
	semconv.LayerDownloaded.Name, semconv.LayerExpected.Name,
}

// observed are the instruments that the SDK asks for when it exports.
func (i *instruments) observed() []metric.Observable {
	return []metric.Observable{
		i.imageDownloaded, i.imageSize, i.imageCached, i.imageProgress, i.imageRate,
		i.imageRemaining, i.imageIdle, i.imageLayers, i.imagePods, i.layerDownloaded, i.layerExpected,
		i.pullActive, i.pullStalled, i.sourceUp, i.sourceEventsUp, i.sourceUnread, i.kubernetesUp, i.seriesCount, i.processMemory,
	}
}

// byRegistry are the counters whose only attribute is the registry.
func (i *instruments) byRegistry() []metric.Int64Counter {
	return []metric.Int64Counter{i.pullStalls, i.downloadIO, i.downloadWasted, i.hits}
}

// maker makes instruments of their declarations and gathers the errors.
type maker struct {
	meter metric.Meter
	errs  []error
}

// made makes one instrument by one of the meter's methods. The bounds of a
// histogram are advice: the user's choice of an aggregation wins.
func made[Instrument, Option any](m *maker, d semconv.Metric, method func(string, ...Option) (Instrument, error)) Instrument {
	all := []any{metric.WithUnit(d.Unit), metric.WithDescription(d.Description)}
	if d.Instrument == semconv.Histogram {
		all = append(all, metric.WithExplicitBucketBoundaries(d.Bounds...))
	}
	var options []Option
	for _, o := range all {
		options = append(options, o.(Option)) // each method takes every InstrumentOption
	}
	instrument, err := method(d.Name, options...)
	m.errs = append(m.errs, err)
	return instrument
}
