package otlp

import (
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
)

// Kind says what a metric is.
type Kind string

// The kinds of metrics.
const (
	Gauge         Kind = "gauge"
	Counter       Kind = "counter"         // a monotonic sum
	UpDownCounter Kind = "up-down counter" // a sum that may fall
	Histogram     Kind = "histogram"
)

// Point is one data point of a metric, as it arrived.
type Point struct {
	Metric, Unit, Description string
	Kind                      Kind
	Cumulative                bool // sums and histograms: since StartTime, not since the last export

	Attributes      Attributes
	StartTime, Time time.Time
	NoValue         bool // the series ends here (NO_RECORDED_VALUE)

	Value float64 // gauges and sums

	Count        uint64 // histograms
	Sum          float64
	Bounds       []float64 // nil where buckets are exponential
	BucketCounts []uint64

	Resource Attributes
	Scope    Scope
	Arrived  time.Time
}

// Points returns the data points of a metric, or of all where name is empty, in
// order of arrival. Summaries are left out.
func (r *Receiver) Points(name string) []Point {
	var out []Point
	for _, a := range r.Metrics() {
		for _, rm := range a.Request.GetResourceMetrics() {
			resource := attributesOf(rm.GetResource().GetAttributes())
			for _, sm := range rm.GetScopeMetrics() {
				for _, m := range sm.GetMetrics() {
					if name != "" && m.GetName() != name {
						continue
					}
					for _, p := range pointsOf(m) {
						p.Metric, p.Unit, p.Description = m.GetName(), m.GetUnit(), m.GetDescription()
						p.Resource, p.Scope, p.Arrived = resource, scopeOf(sm), a.Time
						out = append(out, p)
					}
				}
			}
		}
	}
	return out
}

func pointsOf(m *metricspb.Metric) []Point {
	switch data := m.GetData().(type) {
	case *metricspb.Metric_Gauge:
		return numberPoints(Gauge, false, data.Gauge.GetDataPoints())
	case *metricspb.Metric_Sum:
		kind := UpDownCounter
		if data.Sum.GetIsMonotonic() {
			kind = Counter
		}
		return numberPoints(kind, isCumulative(data.Sum.GetAggregationTemporality()), data.Sum.GetDataPoints())
	case *metricspb.Metric_Histogram:
		return histogramPoints(isCumulative(data.Histogram.GetAggregationTemporality()), data.Histogram.GetDataPoints())
	case *metricspb.Metric_ExponentialHistogram:
		return histogramPoints(isCumulative(data.ExponentialHistogram.GetAggregationTemporality()), data.ExponentialHistogram.GetDataPoints())
	}
	return nil
}

func numberPoints(kind Kind, cumulative bool, points []*metricspb.NumberDataPoint) []Point {
	out := make([]Point, len(points))
	for i, p := range points {
		value := p.GetAsDouble()
		if v, ok := p.GetValue().(*metricspb.NumberDataPoint_AsInt); ok {
			value = float64(v.AsInt)
		}
		out[i] = Point{
			Kind: kind, Cumulative: cumulative, Value: value,
			Attributes: attributesOf(p.GetAttributes()),
			StartTime:  unixNano(p.GetStartTimeUnixNano()), Time: unixNano(p.GetTimeUnixNano()),
			NoValue: noValue(p.GetFlags()),
		}
	}
	return out
}

// distribution is a point of a histogram of either kind.
type distribution interface {
	GetAttributes() []*commonpb.KeyValue
	GetStartTimeUnixNano() uint64
	GetTimeUnixNano() uint64
	GetFlags() uint32
	GetCount() uint64
	GetSum() float64
}

func histogramPoints[P distribution](cumulative bool, points []P) []Point {
	out := make([]Point, len(points))
	for i, p := range points {
		out[i] = Point{
			Kind: Histogram, Cumulative: cumulative,
			Attributes: attributesOf(p.GetAttributes()),
			StartTime:  unixNano(p.GetStartTimeUnixNano()), Time: unixNano(p.GetTimeUnixNano()),
			NoValue: noValue(p.GetFlags()),
			Count:   p.GetCount(), Sum: p.GetSum(),
		}
		if p, ok := any(p).(*metricspb.HistogramDataPoint); ok {
			out[i].Bounds, out[i].BucketCounts = p.GetExplicitBounds(), p.GetBucketCounts()
		}
	}
	return out
}

func isCumulative(t metricspb.AggregationTemporality) bool {
	return t == metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE
}

func noValue(flags uint32) bool {
	return flags&uint32(metricspb.DataPointFlags_DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK) != 0
}

func unixNano(ns uint64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(ns))
}
