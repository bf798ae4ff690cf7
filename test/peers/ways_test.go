package peers

import "fmt"

// way is a way for metrics to come into Prometheus. The name of its node, and the
// label via, tell its series from those of the others.
type way struct{ name, node, via string }

var (
	byCollector       = way{name: "Collector", node: "collector"}
	straight          = way{name: "straight OTLP", node: "straight"}
	byScrape          = way{name: "scrape", node: "scrape"}
	byExporter        = way{name: "Collector's exporter", node: "collector", via: "otelcol"}
	byDefaultExporter = way{name: "the same, 5 min", node: "collector", via: "otelcol-default"}
)

// ways are those that show the same values in the end; those of timely tell of a
// running pull what was true at the time of the sample. The Collector's exporter
// shows what it got last, with the time of the scrape.
var (
	ways   = []way{byCollector, byScrape, straight, byExporter}
	timely = []way{byCollector, byScrape, straight}
)

// selector returns the matchers of the way's series.
func (w way) selector() string {
	return fmt.Sprintf("k8s_node_name=%q,via=%q", w.node, w.via)
}
