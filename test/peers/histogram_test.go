package peers

import (
	"fmt"
	"math"
	"strconv"
	"testing"

	"github.com/prometheus/common/model"
)

// The bounds of the contract.
var (
	durationBounds = []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 180, 300, 600, 1200, 1800, 3600}
	rateBounds     = []float64{
		1 << 16, 1 << 18, 1 << 20, 1 << 21, 1 << 22, 1 << 23, 1 << 24, 1 << 25, 1 << 26, 1 << 27, 1 << 28, 1 << 29, 1 << 30, 1 << 32,
	}
	sizeBounds = []float64{
		1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 25, 1 << 26, 1 << 27, 1 << 28, 1 << 29, 1 << 30, 1 << 31, 1 << 32, 1 << 33, 1 << 35,
	}
)

// histogram is what a histogram must tell: true values, and what is as good.
type histogram struct {
	metric, name, labels string
	bounds               []float64
	values               []between
}

// checkHistogram holds count, sum, median and every bucket against the truth.
func (n *node) checkHistogram(tb *table, tr *truth, h histogram) {
	n.Helper()
	check := func(query string, want between) {
		n.Helper()
		n.check(tb, row{metric: h.metric, query: query, at: tr.ended, want: want}, ways...)
	}
	var sum between
	for _, v := range h.values {
		sum.low += v.low
		sum.high += v.high
	}
	check(fmt.Sprintf("%s_count{$,%s}", h.name, h.labels), exactly(len(h.values)))
	check(fmt.Sprintf("%s_sum{$,%s}", h.name, h.labels), sum)
	check(fmt.Sprintf("histogram_quantile(0.5, sum by (le) (%s_bucket{$,%s}))", h.name, h.labels),
		between{h.median(func(v between) float64 { return v.low }), h.median(func(v between) float64 { return v.high })})
	for _, w := range ways {
		n.checkBuckets(tr, h, w)
	}
}

// checkBuckets holds every bucket against the values.
func (n *node) checkBuckets(tr *truth, h histogram, w way) {
	n.Helper()
	buckets := n.prometheus.Query(fmt.Sprintf("%s_bucket{%s,%s}", h.name, w.selector(), h.labels), tr.ended)
	if len(buckets) != len(h.bounds)+1 {
		n.Errorf("%s by %s has %d buckets, want %d", h.metric, w.name, len(buckets), len(h.bounds)+1)
	}
	for _, b := range buckets {
		le := bound(n.T, b.Metric)
		least := h.upTo(le, func(v between) float64 { return v.high })
		most := h.upTo(le, func(v between) float64 { return v.low })
		if got := int(b.Value); got < least || got > most {
			n.Errorf("%s{%s} by %s has %d up to %g, want %d to %d", h.metric, h.labels, w.name, got, le, least, most)
		}
	}
}

// bound is the upper bound of a bucket. It is 60.0 where it was scraped and 60 where
// it was pushed by OTLP, so no query may have it as a text.
func bound[L model.Metric | model.LabelSet](t *testing.T, labels L) float64 {
	t.Helper()
	le, err := strconv.ParseFloat(string(labels["le"]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return le
}

// upTo counts the values up to a bound.
func (h histogram) upTo(bound float64, of func(between) float64) (n int) {
	for _, v := range h.values {
		if of(v) <= bound {
			n++
		}
	}
	return n
}

// median is what histogram_quantile makes of the values: it goes through the bucket of
// the median in a straight line.
func (h histogram) median(of func(between) float64) float64 {
	rank := float64(len(h.values)) / 2
	from, before := 0.0, 0.0
	for _, le := range h.bounds {
		upTo := float64(h.upTo(le, of))
		if upTo >= rank {
			return from + (le-from)*(rank-before)/(upTo-before)
		}
		from, before = le, upTo
	}
	return math.NaN()
}
