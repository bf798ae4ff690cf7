package scale

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/otlptranslator"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
)

// series is a series as Prometheus has it.
type series struct {
	labels  labels.Labels
	samples *chunkenc.XORChunk
	writer  chunkenc.Appender
	last    int64 // time of the last sample, in milliseconds
}

func newSeries(l labels.Labels) *series {
	s := &series{labels: l, samples: chunkenc.NewXORChunk(), last: math.MinInt64}
	var err error
	if s.writer, err = s.samples.Appender(); err != nil {
		panic(err) // of an empty chunk there is none
	}
	return s
}

func (s *series) add(at int64, v float64) {
	if at > s.last { // of two exports within a millisecond, Prometheus refuses the second
		s.writer.Append(0, at, v)
		s.last = at
	}
}

// past gathers the series of a node, by the names that Prometheus' OTLP receiver gives them
// by default.
type past struct {
	series map[string][]*series // of a data point, by its metric and attributes
	metric otlptranslator.MetricNamer
	label  otlptranslator.LabelNamer
}

func newPast() *past {
	return &past{series: make(map[string][]*series), metric: otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)}
}

// add takes the data points of a request.
func (p *past) add(request *collectorpb.ExportMetricsServiceRequest) error {
	for _, rm := range request.GetResourceMetrics() {
		resource := rm.GetResource().GetAttributes()
		at := int64(0)
		for _, sm := range rm.GetScopeMetrics() {
			for _, m := range sm.GetMetrics() {
				for _, point := range numberPoints(m) {
					if err := p.number(resource, m, point); err != nil {
						return err
					}
					at = max(at, milliseconds(point.GetTimeUnixNano()))
				}
				for _, point := range m.GetHistogram().GetDataPoints() {
					if err := p.histogram(resource, m, point); err != nil {
						return err
					}
				}
			}
		}
		if err := p.target(resource, at); err != nil {
			return err
		}
	}
	return nil
}

func numberPoints(m *metricspb.Metric) []*metricspb.NumberDataPoint {
	return append(m.GetGauge().GetDataPoints(), m.GetSum().GetDataPoints()...)
}

func milliseconds(unixNano uint64) int64 { return int64(unixNano / 1e6) }

func (p *past) number(resource []*commonpb.KeyValue, m *metricspb.Metric, point *metricspb.NumberDataPoint) error {
	all, err := p.of(resource, m, point.GetAttributes(), nil)
	if err != nil {
		return err
	}
	v := point.GetAsDouble()
	if i, ok := point.GetValue().(*metricspb.NumberDataPoint_AsInt); ok {
		v = float64(i.AsInt)
	}
	if point.GetFlags()&uint32(metricspb.DataPointFlags_DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK) != 0 {
		v = math.Float64frombits(value.StaleNaN)
	}
	all[0].add(milliseconds(point.GetTimeUnixNano()), v)
	return nil
}

func (p *past) histogram(resource []*commonpb.KeyValue, m *metricspb.Metric, point *metricspb.HistogramDataPoint) error {
	all, err := p.of(resource, m, point.GetAttributes(), point.GetExplicitBounds())
	if err != nil {
		return err
	}
	at := milliseconds(point.GetTimeUnixNano())
	all[0].add(at, point.GetSum())
	all[1].add(at, float64(point.GetCount()))
	below := uint64(0)
	for i, count := range point.GetBucketCounts() {
		below += count
		all[2+i].add(at, float64(below))
	}
	return nil
}

// of returns the series of a data point: the one, or those of a histogram with its bounds,
// first sum and count.
func (p *past) of(resource []*commonpb.KeyValue, m *metricspb.Metric, attributes []*commonpb.KeyValue, bounds []float64) ([]*series, error) {
	key := m.GetName() + join(attributes)
	if all := p.series[key]; all != nil {
		return all, nil
	}
	var kind otlptranslator.MetricType = otlptranslator.MetricTypeGauge
	switch data := m.GetData().(type) {
	case *metricspb.Metric_Sum:
		kind = otlptranslator.MetricTypeNonMonotonicCounter
		if data.Sum.GetIsMonotonic() {
			kind = otlptranslator.MetricTypeMonotonicCounter
		}
	case *metricspb.Metric_Histogram:
		kind = otlptranslator.MetricTypeHistogram
	}
	name, err := p.metric.Build(otlptranslator.Metric{Name: m.GetName(), Unit: m.GetUnit(), Type: kind})
	if err != nil {
		return nil, err
	}
	base, err := p.labels(resource, attributes)
	if err != nil {
		return nil, err
	}
	named := func(name string, more ...string) *series {
		b := labels.NewBuilder(base).Set(model.MetricNameLabel, name)
		if len(more) > 0 {
			b.Set("le", more[0])
		}
		return newSeries(b.Labels())
	}
	if kind != otlptranslator.MetricTypeHistogram {
		p.series[key] = []*series{named(name)}
		return p.series[key], nil
	}
	all := []*series{named(name + "_sum"), named(name + "_count")}
	for _, bound := range bounds {
		all = append(all, named(name+"_bucket", strconv.FormatFloat(bound, 'f', -1, 64)))
	}
	p.series[key] = append(all, named(name+"_bucket", "+Inf"))
	return p.series[key], nil
}

// target adds a sample of target_info, which has the attributes of the resource but for
// those that name the instance.
func (p *past) target(resource []*commonpb.KeyValue, at int64) error {
	const name = "target_info"
	if p.series[name] == nil {
		rest := slices.DeleteFunc(slices.Clone(resource), func(kv *commonpb.KeyValue) bool {
			return kv.GetKey() == "service.name" || kv.GetKey() == "service.instance.id"
		})
		l, err := p.labels(resource, rest)
		if err != nil {
			return err
		}
		p.series[name] = []*series{newSeries(labels.NewBuilder(l).Set(model.MetricNameLabel, name).Labels())}
	}
	p.series[name][0].add(at, 1)
	return nil
}

// labels are the attributes as labels, with job and instance.
func (p *past) labels(resource, attributes []*commonpb.KeyValue) (labels.Labels, error) {
	b := labels.NewBuilder(labels.EmptyLabels())
	for _, kv := range resource {
		switch kv.GetKey() {
		case "service.name":
			b.Set("job", kv.GetValue().GetStringValue())
		case "service.instance.id":
			b.Set("instance", kv.GetValue().GetStringValue())
		}
	}
	for _, kv := range attributes {
		name, err := p.label.Build(kv.GetKey())
		if err != nil {
			return labels.EmptyLabels(), err
		}
		b.Set(name, text(kv.GetValue()))
	}
	return b.Labels(), nil
}

// join is attributes in one word. The SDK has them sorted.
func join(attributes []*commonpb.KeyValue) string {
	var b strings.Builder
	for _, kv := range attributes {
		b.WriteByte(0)
		b.WriteString(kv.GetKey())
		b.WriteByte(0)
		b.WriteString(text(kv.GetValue()))
	}
	return b.String()
}

func text(v *commonpb.AnyValue) string {
	if i, ok := v.GetValue().(*commonpb.AnyValue_IntValue); ok {
		return strconv.FormatInt(i.IntValue, 10)
	}
	return v.GetStringValue()
}
