package closing

import (
	"slices"
	"time"

	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// series is one series by its last data point.
type series struct {
	scope  *metricspb.ScopeMetrics
	metric *metricspb.Metric
	point  *metricspb.NumberDataPoint
}

// identity tells one series from another: name and attributes, which the SDK
// sorts.
func (s series) identity() string {
	id := []byte(s.metric.GetName())
	for _, attribute := range s.point.GetAttributes() {
		id = append(id, 0)
		id, _ = proto.MarshalOptions{Deterministic: true}.MarshalAppend(id, attribute) // fails on no string
	}
	return string(id)
}

// end adds the point that closes the series, after its last one.
func (s series) end(resource *metricspb.ResourceMetrics, at uint64) {
	point := &metricspb.NumberDataPoint{
		Attributes:        s.point.GetAttributes(),
		StartTimeUnixNano: s.point.GetStartTimeUnixNano(),
		TimeUnixNano:      max(at, s.point.GetTimeUnixNano()+uint64(time.Millisecond)), // the finest that Prometheus keeps
		Flags:             uint32(metricspb.DataPointFlags_DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK),
	}
	switch data := s.metricIn(s.scopeIn(resource)).GetData().(type) {
	case *metricspb.Metric_Gauge:
		data.Gauge.DataPoints = append(data.Gauge.DataPoints, point)
	case *metricspb.Metric_Sum:
		data.Sum.DataPoints = append(data.Sum.DataPoints, point)
	}
}

// scopeIn is the scope of the series in a request, a new one if it has none.
func (s series) scopeIn(resource *metricspb.ResourceMetrics) *metricspb.ScopeMetrics {
	i := slices.IndexFunc(resource.GetScopeMetrics(), func(other *metricspb.ScopeMetrics) bool {
		return proto.Equal(other.GetScope(), s.scope.GetScope())
	})
	if i < 0 {
		i = len(resource.GetScopeMetrics())
		resource.ScopeMetrics = append(resource.ScopeMetrics, &metricspb.ScopeMetrics{
			Scope: s.scope.GetScope(), SchemaUrl: s.scope.GetSchemaUrl(),
		})
	}
	return resource.GetScopeMetrics()[i]
}

// metricIn is the metric of the series in a scope, a new one if it has none.
func (s series) metricIn(scope *metricspb.ScopeMetrics) *metricspb.Metric {
	i := slices.IndexFunc(scope.GetMetrics(), func(other *metricspb.Metric) bool {
		return other.GetName() == s.metric.GetName()
	})
	if i >= 0 {
		return scope.GetMetrics()[i]
	}
	m := &metricspb.Metric{Name: s.metric.GetName(), Unit: s.metric.GetUnit(), Description: s.metric.GetDescription()}
	switch data := s.metric.GetData().(type) {
	case *metricspb.Metric_Gauge:
		m.Data = &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{}}
	case *metricspb.Metric_Sum:
		m.Data = &metricspb.Metric_Sum{Sum: &metricspb.Sum{
			AggregationTemporality: data.Sum.GetAggregationTemporality(), IsMonotonic: data.Sum.GetIsMonotonic(),
		}}
	}
	scope.Metrics = append(scope.Metrics, m)
	return m
}
