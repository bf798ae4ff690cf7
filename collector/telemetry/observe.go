package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/metric"
)

// observe is what the SDK asks for at each export.
func (r *Reporter) observe(_ context.Context, o metric.Observer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	live := tally{Observer: o}
	for _, im := range r.images {
		im.observe(&live, r.instruments)
		if !im.ended.IsZero() && im.offered.IsZero() {
			im.offered = time.Now()
		}
	}
	for _, g := range r.registries {
		g.observe(o, r.instruments)
	}
	o.ObserveInt64(r.instruments.sourceUp, number(r.up), r.labels.observe...)
	o.ObserveInt64(r.instruments.sourceEventsUp, number(r.eventsUp), r.labels.observe...)
	o.ObserveInt64(r.instruments.sourceUnread, int64(r.unread), r.labels.observe...)
	if r.pods.On {
		o.ObserveInt64(r.instruments.kubernetesUp, number(r.pods.Up), r.labels.observe...)
	}
	o.ObserveInt64(r.instruments.seriesCount, live.series, r.labels.observe...)
	if bytes, known := residentMemory(); known {
		o.ObserveInt64(r.instruments.processMemory, bytes, r.labels.observe...)
	}
	return nil
}

func number(up bool) int64 {
	if up {
		return 1
	}
	return 0
}

// tally counts the series that are observed.
type tally struct {
	metric.Observer
	series int64
}

func (c *tally) ObserveInt64(i metric.Int64Observable, value int64, options ...metric.ObserveOption) {
	c.series++
	c.Observer.ObserveInt64(i, value, options...)
}

func (c *tally) ObserveFloat64(i metric.Float64Observable, value float64, options ...metric.ObserveOption) {
	c.series++
	c.Observer.ObserveFloat64(i, value, options...)
}

// flushed takes note that an export of our own accord has succeeded, which began
// at a time: what had ended before was in it.
func (r *Reporter) flushed(began time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.release(func(im *image) bool { return !r.sdk.Scraped && im.ended.Before(began) })
}

// delivered takes note that an export by OTLP has arrived. The series whose last
// sample it had are closed by another one.
func (r *Reporter) delivered(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closing = r.release(func(im *image) bool {
		return !r.sdk.Scraped && !im.offered.IsZero() && !im.offered.After(at)
	})
	if r.closing {
		r.flusher.flush()
	}
}

// pending tells whether a last sample or the end of a series waits for an
// export.
func (r *Reporter) pending() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return true
	}
	for _, im := range r.images {
		if !r.sdk.Scraped && !im.ended.IsZero() {
			return true
		}
	}
	return false
}
