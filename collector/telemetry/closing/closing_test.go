package closing

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// request has a sample of the gauge at a time for each image, and one of a total.
func request(at uint64, images ...string) *collectorpb.ExportMetricsServiceRequest {
	point := func(image string) *metricspb.NumberDataPoint {
		return &metricspb.NumberDataPoint{
			TimeUnixNano: at, Value: &metricspb.NumberDataPoint_AsInt{AsInt: 1},
			Attributes: []*commonpb.KeyValue{{Key: "image", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: image}}}},
		}
	}
	live := &metricspb.Gauge{}
	for _, image := range images {
		live.DataPoints = append(live.DataPoints, point(image))
	}
	scope := &metricspb.ScopeMetrics{Scope: &commonpb.InstrumentationScope{Name: "pulltrace"}, SchemaUrl: "schema"}
	if len(images) > 0 {
		scope.Metrics = append(scope.Metrics, &metricspb.Metric{Name: "live", Unit: "By", Description: "told", Data: &metricspb.Metric_Gauge{Gauge: live}})
	}
	scope.Metrics = append(scope.Metrics, &metricspb.Metric{Name: "total", Data: &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{
		DataPoints: []*metricspb.NumberDataPoint{point("")},
	}}})
	return &collectorpb.ExportMetricsServiceRequest{ResourceMetrics: []*metricspb.ResourceMetrics{{ScopeMetrics: []*metricspb.ScopeMetrics{scope}}}}
}

// ends are the images that a request closes, and when.
func ends(r *collectorpb.ExportMetricsServiceRequest) map[string]uint64 {
	found := map[string]uint64{}
	for _, scope := range r.GetResourceMetrics()[0].GetScopeMetrics() {
		for _, m := range scope.GetMetrics() {
			for _, p := range points(m) {
				if p.GetFlags() == 1 && p.GetValue() == nil {
					found[m.GetName()+" "+p.GetAttributes()[0].GetValue().GetStringValue()] = p.GetTimeUnixNano()
				}
			}
		}
	}
	return found
}

const second = uint64(time.Second)

func TestPrepare(t *testing.T) {
	type step struct {
		request *collectorpb.ExportMetricsServiceRequest
		arrives bool
		want    map[string]uint64
	}
	none := map[string]uint64{}
	for name, steps := range map[string][]step{
		"a series that is gone is closed, once": {
			{request(1*second, "a", "b"), true, none},
			{request(2*second, "a"), true, map[string]uint64{"live b": 2 * second}},
			{request(3*second, "a"), true, none},
		},
		"the last one takes its metric with it": {
			{request(1*second, "a"), true, none},
			{request(2 * second), true, map[string]uint64{"live a": 2 * second}},
		},
		"what closes is lost": {
			{request(1*second, "a"), true, none},
			{request(2 * second), false, map[string]uint64{"live a": 2 * second}},
			{request(3 * second), true, map[string]uint64{"live a": 3 * second}},
			{request(4 * second), true, none},
		},
		"it comes back before it was closed": {
			{request(1*second, "a"), true, none},
			{request(2 * second), false, map[string]uint64{"live a": 2 * second}},
			{request(3*second, "a"), true, none},
		},
		"it never arrived": {
			{request(1*second, "a"), false, none},
			{request(2 * second), true, none},
		},
		"the clock was set back": {
			{request(5*second, "a"), true, none},
			{request(2 * second), true, map[string]uint64{"live a": 5*second + uint64(time.Millisecond)}},
		},
		"an empty request": {
			{request(1*second, "a"), true, none},
			{&collectorpb.ExportMetricsServiceRequest{}, true, nil},
			{request(2 * second), true, map[string]uint64{"live a": 2 * second}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := New("live")
			var arrived time.Time
			c.OnDelivery(func(at time.Time) { arrived = at })
			for i, s := range steps {
				before := proto.CloneOf(s.request)
				p := c.prepare(s.request)
				if !proto.Equal(s.request, before) {
					t.Errorf("step %d: the exporter's request was changed", i)
				}
				if s.want == nil {
					c.arrived(p)
					continue
				}
				got := ends(p.request)
				if len(got) != len(s.want) {
					t.Errorf("step %d closes %v, want %v", i, got, s.want)
				}
				for what, at := range s.want {
					if got[what] != at {
						t.Errorf("step %d closes %v, want %v", i, got, s.want)
					}
				}
				if s.arrives {
					c.arrived(p)
					if !arrived.Equal(time.Unix(0, int64(p.at))) || p.at == 0 {
						t.Errorf("step %d arrived at %s, want the time of its points", i, arrived)
					}
				}
			}
		})
	}
}

func TestCloseAll(t *testing.T) {
	c := New("live")
	c.arrived(c.prepare(request(1*second, "a", "b")))
	c.CloseAll()
	p := c.prepare(request(2*second, "a"))
	got := ends(p.request)
	if want := 2*second + uint64(time.Millisecond); got["live a"] != want || got["live b"] != 2*second || len(got) != 2 {
		t.Errorf("closes %v, want b, and a after its last sample", got)
	}
	c.arrived(p)
	if got := ends(c.prepare(request(3 * second)).request); len(got) != 0 {
		t.Errorf("closes %v again", got)
	}
}

// A metric that is gone with its last series is declared as it was.
func TestMetricIsDeclaredAgain(t *testing.T) {
	c := New("live")
	c.arrived(c.prepare(request(1*second, "a")))
	r := request(2 * second)
	r.ResourceMetrics[0].ScopeMetrics = nil
	scope := c.prepare(r).request.GetResourceMetrics()[0].GetScopeMetrics()[0]
	m := scope.GetMetrics()[0]
	if scope.GetScope().GetName() != "pulltrace" || scope.GetSchemaUrl() != "schema" || m.GetUnit() != "By" || m.GetDescription() != "told" {
		t.Errorf("declared as %v", scope)
	}
}

// sent is a transport that keeps what it is given.
type sent struct{ body []byte }

func (s *sent) RoundTrip(r *http.Request) (*http.Response, error) {
	var err error
	s.body, err = io.ReadAll(r.Body)
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, err
}

// What is no request of metrics is none of our business.
func TestTransportLeavesTheRest(t *testing.T) {
	for name, encoding := range map[string]string{"plain": "", "compressed": "gzip"} {
		t.Run(name, func(t *testing.T) {
			var next sent
			body := []byte("\xff, not metrics")
			r, err := http.NewRequest(http.MethodPost, "http://receiver", bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Encoding", encoding)
			response, err := New("live").Transport(&next).RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if !bytes.Equal(next.body, body) {
				t.Errorf("sent %q, want %q", next.body, body)
			}
		})
	}
}
