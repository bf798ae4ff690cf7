// Package telemetry reports pulls by OpenTelemetry: live gauges while they run,
// histograms and one trace when they end. Names are from package semconv.
package telemetry

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	standard "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/pulltrace/pulltrace/collector/pull"
	"github.com/pulltrace/pulltrace/collector/telemetry/export"
	"github.com/pulltrace/pulltrace/semconv"
)

// Reporter records the updates that it is told with an [export.SDK].
type Reporter struct {
	sdk         *export.SDK
	node        attribute.KeyValue
	tracer      trace.Tracer
	instruments *instruments
	registries  registries
	flusher     *flusher
	began       time.Time

	mu     sync.Mutex // guards what the SDK's callback reads
	up     bool
	totals map[string]*total // by registry
	images map[imageKey]*image

	counted map[pull.ID]int64 // bytes that download.io has of a running pull
}

// NewReporter makes the instruments. Close it before the SDK is shut down.
func NewReporter(sdk *export.SDK, id Identity) (*Reporter, error) {
	meter := sdk.Meters.Meter(semconv.Scope, metric.WithInstrumentationVersion(id.Version), metric.WithSchemaURL(standard.SchemaURL))
	inst, err := newInstruments(meter)
	if err != nil {
		return nil, fmt.Errorf("instruments: %w", err)
	}
	r := &Reporter{
		sdk:         sdk,
		node:        id.Node.attribute(),
		tracer:      sdk.Tracers.Tracer(semconv.Scope, trace.WithInstrumentationVersion(id.Version), trace.WithSchemaURL(standard.SchemaURL)),
		instruments: inst,
		began:       time.Now(),
		totals:      make(map[string]*total),
		images:      make(map[imageKey]*image),
		counted:     make(map[pull.ID]int64),
	}
	if _, err := meter.RegisterCallback(r.observe, inst.observed()...); err != nil {
		return nil, fmt.Errorf("instruments: %w", err)
	}
	r.flusher = newFlusher(sdk.Flush, r.delivered)
	return r, nil
}

// Close stops exports of the reporter's own accord.
func (r *Reporter) Close() { r.flusher.close() }

// Report takes note of an update.
func (r *Reporter) Report(u pull.Update) {
	for i := range u.Ended {
		r.ended(&u.Ended[i])
	}
	for i := range u.Active {
		r.countBytes(&u.Active[i])
	}
	r.mu.Lock()
	r.up = u.SourceUp
	r.setTotals(u)
	r.setImages(u)
	r.mu.Unlock()
	if len(u.Started)+len(u.Ended) > 0 {
		r.flusher.flush()
	}
}

// ended records what is told once of a pull.
func (r *Reporter) ended(p *pull.Pull) {
	r.countBytes(p)
	delete(r.counted, p.ID)
	registry := r.registries.name(p.Image.Registry)
	ctx := pullSpans{r.tracer, p}.record(context.Background(), registry)

	attrs := []attribute.KeyValue{
		r.node, semconv.RegistryKey.String(registry), semconv.OutcomeKey.String(string(p.Outcome)),
	}
	if took := p.DownloadTime().Seconds(); p.Downloaded > 0 && took > 0 {
		r.instruments.pullRate.Record(ctx, float64(p.Downloaded)/took, metric.WithAttributes(attrs...))
	}
	if p.Outcome == pull.Failure {
		attrs = append(attrs, standard.ErrorTypeKey.String(p.Err))
	}
	r.instruments.pullDuration.Record(ctx, p.End.Sub(p.Start).Seconds(), metric.WithAttributes(attrs...))
}

// countBytes adds what a pull has fetched since it was last counted. Of a pull
// that is older than this process, an earlier one has counted what came before.
func (r *Reporter) countBytes(p *pull.Pull) {
	before, known := r.counted[p.ID]
	if !known && p.Start.Before(r.began) {
		before = p.Downloaded
	}
	r.counted[p.ID] = p.Downloaded
	if more := p.Downloaded - before; more > 0 {
		r.instruments.downloadIO.Add(context.Background(), more,
			metric.WithAttributes(r.node, semconv.RegistryKey.String(r.registries.name(p.Image.Registry))))
	}
}

// maxRegistries bounds the number of registries that are told apart.
const maxRegistries = 64

// registries are the registries seen so far.
type registries map[string]bool

// name is what a registry is called in attributes.
func (r *registries) name(host string) string {
	if *r == nil {
		*r = make(registries)
	}
	if host == "" || (!(*r)[host] && len(*r) == maxRegistries) {
		return semconv.RegistryOther
	}
	(*r)[host] = true
	return host
}
