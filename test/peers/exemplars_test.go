package peers

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/pulltrace/pulltrace/test/peers/collector"
)

const durations = "pulltrace_pull_duration_seconds"

// checkExemplars holds that from each bucket of each histogram of pulls that a pull is
// in, an exemplar leads to the trace of a pull, which the Collector has kept.
func (n *node) checkExemplars(tr *truth) {
	n.Helper()
	traces := make(map[string]collector.Span) // by their IDs, which all three Pulltraces give alike
	for _, s := range collector.Spans(n, n.tracesFile) {
		if s.Name() == "pull image" {
			traces[s.TraceID().String()] = s
		}
	}
	succeeded, failed := tr.all()
	if want := len(succeeded) + len(failed); len(traces) != want {
		n.Errorf("the Collector has kept %d traces of %d pulls", len(traces), want)
	}
	for _, w := range ways {
		for name, labels := range contract {
			if slices.Equal(labels, endedLabels) {
				n.checkBucketsLead(w, name, tr, traces)
			}
		}
	}
}

func (n *node) checkBucketsLead(w way, name string, tr *truth, traces map[string]collector.Span) {
	n.Helper()
	buckets := fmt.Sprintf("%s_bucket{%s}", name, w.selector())
	led := make(map[float64]bool) // by the bucket's bound
	for _, series := range n.prometheus.Exemplars(buckets, tr.began, tr.ended) {
		for _, e := range series.Exemplars {
			if span, ok := traces[string(e.Labels["trace_id"])]; ok {
				n.checkExemplar(w, name, e, span)
				led[bound(n.T, series.SeriesLabels)] = true
			} else {
				n.Errorf("by %s an exemplar of %s leads to %s, of which no trace was kept", w.name, name, e.Labels)
			}
		}
	}
	counts := n.prometheus.Query(fmt.Sprintf("sum by (le) (%s)", buckets), tr.ended)
	slices.SortFunc(counts, func(a, b *model.Sample) int { return cmp.Compare(bound(n.T, a.Metric), bound(n.T, b.Metric)) })
	below := 0.0
	for _, b := range counts {
		if le := bound(n.T, b.Metric); float64(b.Value) > below && !led[le] {
			n.Errorf("by %s no exemplar leads from the bucket of %s up to %g", w.name, name, le)
		}
		below = float64(b.Value)
	}
}

// checkExemplar holds an exemplar against the span that it leads to.
func (n *node) checkExemplar(w way, name string, e v1.Exemplar, span collector.Span) {
	n.Helper()
	if got := string(e.Labels["span_id"]); got != span.SpanID().String() {
		n.Errorf("by %s an exemplar of %s leads to span %s, not to that of the pull, %s", w.name, name, got, span.SpanID())
	}
	took := span.EndTimestamp().AsTime().Sub(span.StartTimestamp().AsTime()).Seconds()
	if name == durations && math.Abs(took-float64(e.Value)) > time.Millisecond.Seconds() {
		n.Errorf("by %s an exemplar of %g s leads to a span of %g s", w.name, float64(e.Value), took)
	}
}
