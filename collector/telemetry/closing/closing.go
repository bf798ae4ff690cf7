// Package closing tells receivers of OTLP that a series has ended.
//
// A series that is no longer sent looks like one that is late: Prometheus shows its
// last value for another five minutes, and so does a Collector. OTLP has a flag for
// a data point that ends its series, and the SDK's model of metrics has not. So the
// points are added to the exporter's requests on their way out, for the series that
// the last request which was delivered had and this one lacks.
package closing

import (
	"maps"
	"slices"
	"sync"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// Closer closes series in the requests of one exporter, which it sees by
// [Closer.Unary] or [Closer.Transport].
type Closer struct {
	metrics map[string]bool

	mu        sync.Mutex
	delivered func(time.Time)
	open      map[string]series // that the receiver has, by identity
	last      bool
}

// New returns a Closer of the series of these metrics.
func New(metrics ...string) *Closer {
	c := &Closer{metrics: make(map[string]bool, len(metrics)), delivered: func(time.Time) {}}
	for _, name := range metrics {
		c.metrics[name] = true
	}
	return c
}

// OnDelivery has a function called for each request that has arrived, with the
// time of its data points.
func (c *Closer) OnDelivery(f func(at time.Time)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delivered = f
}

// CloseAll makes each request from now on close the series that it brings: the
// next one is the last.
func (c *Closer) CloseAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = true
}

// prepared is a request as it is to be sent, and what is so when it has arrived.
type prepared struct {
	request *collectorpb.ExportMetricsServiceRequest
	open    map[string]series
	at      uint64 // of its latest data point
}

// prepare adds the points that close series. The request itself is left as it
// is, for the exporter sends it again when it fails.
func (c *Closer) prepare(request *collectorpb.ExportMetricsServiceRequest) prepared {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := prepared{request: request}
	p.open, p.at = c.read(request)
	if len(request.GetResourceMetrics()) == 0 {
		p.open = c.open // there is nowhere to put a point
		return p
	}
	ended := make(map[string]series)
	for identity, s := range c.open {
		if _, found := p.open[identity]; !found {
			ended[identity] = s
		}
	}
	if c.last {
		maps.Copy(ended, p.open)
		p.open = nil
	}
	if len(ended) == 0 {
		return p
	}
	p.request = proto.CloneOf(request)
	for _, identity := range slices.Sorted(maps.Keys(ended)) {
		ended[identity].end(p.request.GetResourceMetrics()[0], p.at)
	}
	return p
}

// arrived takes note that a request was delivered.
func (c *Closer) arrived(p prepared) {
	c.mu.Lock()
	c.open = p.open
	delivered := c.delivered
	c.mu.Unlock()
	delivered(time.Unix(0, int64(p.at))) //nolint:gosec // until the year 2262
}

// read finds the series in a request that are to be closed one day, and the time
// of the latest data point of all.
func (c *Closer) read(request *collectorpb.ExportMetricsServiceRequest) (open map[string]series, at uint64) {
	open = make(map[string]series)
	for _, resource := range request.GetResourceMetrics() {
		for _, scope := range resource.GetScopeMetrics() {
			for _, metric := range scope.GetMetrics() {
				for _, point := range points(metric) {
					at = max(at, point.GetTimeUnixNano())
					if c.metrics[metric.GetName()] {
						s := series{scope, metric, point}
						open[s.identity()] = s
					}
				}
			}
		}
	}
	return open, at
}

// points are the data points of a gauge or a sum.
func points(m *metricspb.Metric) []*metricspb.NumberDataPoint {
	switch data := m.GetData().(type) {
	case *metricspb.Metric_Gauge:
		return data.Gauge.GetDataPoints()
	case *metricspb.Metric_Sum:
		return data.Sum.GetDataPoints()
	}
	return nil
}
