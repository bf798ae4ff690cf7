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
	imageLayers                             metric.Int64ObservableUpDownCounter
	layerDownloaded, layerExpected          metric.Int64ObservableGauge

	pullActive, pullStalled metric.Int64ObservableUpDownCounter
	sourceUp                metric.Int64ObservableGauge

	pullDuration, pullRate metric.Float64Histogram
	downloadIO             metric.Int64Counter
}

func newInstruments(meter metric.Meter) (*instruments, error) {
	m := maker{meter: meter}
	i := &instruments{
		imageDownloaded: m.intGauge(semconv.ImageDownloaded),
		imageSize:       m.intGauge(semconv.ImageSize),
		imageCached:     m.intGauge(semconv.ImageCached),
		imageProgress:   m.floatGauge(semconv.ImageProgress),
		imageRate:       m.floatGauge(semconv.ImageRate),
		imageRemaining:  m.floatGauge(semconv.ImageRemaining),
		imageIdle:       m.floatGauge(semconv.ImageIdle),
		imageLayers:     m.upDown(semconv.ImageLayers),
		layerDownloaded: m.intGauge(semconv.LayerDownloaded),
		layerExpected:   m.intGauge(semconv.LayerExpected),
		pullActive:      m.upDown(semconv.PullActive),
		pullStalled:     m.upDown(semconv.PullStalled),
		sourceUp:        m.intGauge(semconv.SourceUp),
		pullDuration:    m.histogram(semconv.PullDuration, semconv.DurationBounds),
		pullRate:        m.histogram(semconv.PullRate, semconv.RateBounds),
		downloadIO:      m.counter(semconv.DownloadIO),
	}
	return i, errors.Join(m.errs...)
}

// observed are the instruments that the SDK asks for when it exports.
func (i *instruments) observed() []metric.Observable {
	return []metric.Observable{
		i.imageDownloaded, i.imageSize, i.imageCached, i.imageProgress, i.imageRate,
		i.imageRemaining, i.imageIdle, i.imageLayers, i.layerDownloaded, i.layerExpected,
		i.pullActive, i.pullStalled, i.sourceUp,
	}
}

// maker makes instruments of their declarations and gathers the errors.
type maker struct {
	meter metric.Meter
	errs  []error
}

func (m *maker) intGauge(d semconv.Metric) metric.Int64ObservableGauge {
	return made(m, d, m.meter.Int64ObservableGauge)
}

func (m *maker) floatGauge(d semconv.Metric) metric.Float64ObservableGauge {
	return made(m, d, m.meter.Float64ObservableGauge)
}

func (m *maker) upDown(d semconv.Metric) metric.Int64ObservableUpDownCounter {
	return made(m, d, m.meter.Int64ObservableUpDownCounter)
}

func (m *maker) counter(d semconv.Metric) metric.Int64Counter {
	return made(m, d, m.meter.Int64Counter)
}

func (m *maker) histogram(d semconv.Metric, bounds []float64) metric.Float64Histogram {
	h, err := m.meter.Float64Histogram(d.Name, metric.WithUnit(d.Unit), metric.WithDescription(d.Description),
		metric.WithExplicitBucketBoundaries(bounds...))
	m.errs = append(m.errs, err)
	return h
}

// made makes one instrument by one of the meter's methods.
func made[Instrument, Option any](m *maker, d semconv.Metric, method func(string, ...Option) (Instrument, error)) Instrument {
	var options []Option
	for _, o := range []any{metric.WithUnit(d.Unit), metric.WithDescription(d.Description)} {
		options = append(options, o.(Option)) // each method takes every InstrumentOption
	}
	instrument, err := method(d.Name, options...)
	m.errs = append(m.errs, err)
	return instrument
}
