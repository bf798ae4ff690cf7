package scale

import (
	"net/http"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/prometheus/model/labels"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// fleet is all nodes.
type fleet struct {
	span      span
	now       time.Time // by the clock of the simulation
	originals []*original
}

// original is a simulated node, and those that are copies of it, itself among them.
type original struct {
	name, instance string
	now            time.Time    // in its bubble
	pulls          []*simulated // all that have begun
	past           *past
	future         []push
	copies         []copied
}

// push is a request that is sent in the future.
type push struct {
	at   time.Time
	body []byte
}

// take keeps a request.
func (o *original) take(at time.Time, body []byte) error {
	if !at.Before(o.now) {
		o.future = append(o.future, push{at, body})
		return nil
	}
	var request collectorpb.ExportMetricsServiceRequest
	if err := proto.Unmarshal(body, &request); err != nil {
		return err
	}
	for _, kv := range request.GetResourceMetrics()[0].GetResource().GetAttributes() {
		if kv.GetKey() == "service.instance.id" {
			o.instance = kv.GetValue().GetStringValue()
		}
	}
	return o.past.add(&request)
}

// copied is a node with the telemetry of another.
type copied struct {
	of             *original
	name, instance string
	names          *strings.Replacer // of the original, by its own
}

func (o *original) copyAs(name string) copied {
	instance := uuid.NewSHA1(uuid.NameSpaceDNS, []byte(name)).String()
	return copied{o, name, instance, strings.NewReplacer(o.name, name, o.instance, instance)}
}

func (c copied) rename(l labels.Labels) labels.Labels {
	b := labels.NewScratchBuilder(l.Len())
	l.Range(func(l labels.Label) {
		switch l.Name {
		case "instance", "k8s_node_name", "k8s_pod_name", "k8s_pod_uid":
			b.Add(l.Name, c.names.Replace(l.Value))
		default:
			b.Add(l.Name, l.Value)
		}
	})
	return b.Labels()
}

const (
	mostOriginals = 10 // nodes that are simulated
	standing      = 2  // the one of them whose pulls stand still in the end
)

// newFleet simulates so many nodes.
func newFleet(t *testing.T, nodes int, of span) *fleet {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport)
	before := transport.DialContext
	transport.DialContext = dial
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // requests are much garbage, and short-lived
	f := &fleet{span: of, originals: make([]*original, min(nodes, mostOriginals))}
	t.Run("simulate", func(t *testing.T) {
		for i := range f.originals {
			t.Run(nodeName(i), func(t *testing.T) {
				t.Parallel()
				f.originals[i] = simulate(t, i, of)
			})
		}
	})
	transport.DialContext = before
	f.now = f.originals[0].now
	for i := range nodes {
		index := i % len(f.originals)
		if index == standing && i > len(f.originals) && i%100 >= 30 {
			index++ // pulls stand still on few nodes
		}
		o := f.originals[index]
		o.copies = append(o.copies, o.copyAs(nodeName(i)))
	}
	return f
}
