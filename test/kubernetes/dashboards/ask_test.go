//go:build linux

package dashboards

import (
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/pulltrace/pulltrace/test/peers/grafana"
	"github.com/pulltrace/pulltrace/test/peers/prometheus"
)

const (
	folder = "../../../dashboards/"
	// length is of the time that is asked for: all of the test, in steps of no more than a
	// minute. The dashboards' own are longer.
	length = 15 * time.Minute
)

// told is a series of an answer: its value at the end, and the sum of all its values.
type told struct {
	model.Metric
	last, sum float64
}

// answers are what each query of all dashboards told, by "UID: panel/query".
type answers map[string][]told

// queries opens all dashboards with these values of variables, as far as they have such, and
// returns the queries of every panel, by the UIDs of the dashboards.
func queries(t *testing.T, p *prometheus.Server, given map[string][]string) map[string][]grafana.Query {
	t.Helper()
	files, err := filepath.Glob(folder + "*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("the dashboards are %v: %v", files, err)
	}
	all := make(map[string][]grafana.Query)
	for _, path := range files {
		d, err := grafana.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		screen := grafana.Screen{To: time.Now(), Length: length, Given: maps.Clone(given)}
		maps.DeleteFunc(screen.Given, func(name string, _ []string) bool { return !d.Has(name) })
		o, err := d.Open(t.Context(), p.API(), screen)
		if err != nil {
			t.Fatal(err)
		}
		if all[d.UID], err = o.Queries(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// ask asks every query of every panel. Each must answer.
func ask(t *testing.T, p *prometheus.Server, given map[string][]string) answers {
	t.Helper()
	all := make(answers)
	for uid, queries := range queries(t, p, given) {
		for _, q := range queries {
			if !q.Instant { // what happened in a minute is told at its end, as far as it is known now
				q.End = q.End.Add(q.Step)
			}
			answer, err := q.Ask(t.Context(), p.API())
			if err != nil {
				t.Error(err)
				continue
			}
			key := uid + ": " + q.String()
			if _, twice := all[key]; twice {
				t.Fatalf("two queries are called %s", key)
			}
			all[key] = tell(answer)
		}
	}
	return all
}

// checkExemplars checks that the panels with exemplars have some, each with a trace.
func checkExemplars(t *testing.T, p *prometheus.Server) {
	t.Helper()
	for uid, queries := range queries(t, p, nil) {
		for _, q := range queries {
			if !q.Exemplar {
				continue
			}
			series := p.Exemplars(q.Expr, q.Start, time.Now())
			if len(series) == 0 {
				t.Errorf("%s: %s has no exemplars", uid, q)
			}
			for _, s := range series {
				for _, e := range s.Exemplars {
					if e.Labels["trace_id"] == "" {
						t.Errorf("%s: %s: an exemplar of %v has no trace: %v", uid, q, s.SeriesLabels, e)
					}
				}
			}
		}
	}
}

// tell leaves out what is not a number: nothing is shown of it.
func tell(answer model.Value) []told {
	series := []told{}
	switch answer := answer.(type) {
	case model.Vector:
		for _, s := range answer {
			if !math.IsNaN(float64(s.Value)) {
				series = append(series, told{s.Metric, float64(s.Value), float64(s.Value)})
			}
		}
	case model.Matrix:
		for _, s := range answer {
			one := told{Metric: s.Metric, last: math.NaN()}
			for _, v := range s.Values {
				if !math.IsNaN(float64(v.Value)) {
					one.last = float64(v.Value)
					one.sum += one.last
				}
			}
			if !math.IsNaN(one.last) {
				series = append(series, one)
			}
		}
	}
	return series
}

// fact is what must be told by a query, of the only one of its series that has these labels.
type fact struct {
	query     string
	labels    map[string]string
	low, high float64
	sum       bool // of all values in the course of time, not the last one

	// What is told where rules have recorded it, if that is not the same, or if only then
	// something is told at all.
	recorded  *[2]float64
	rulesOnly bool
}

// fractions are off by no more than this where they are known exactly.
const exactly = 1e-6

func is(query string, value float64) fact { return within(query, value, value) }

func within(query string, low, high float64) fact { return fact{query: query, low: low, high: high} }

// of is the fact of the series with a label.
func (f fact) of(label, value string) fact {
	f.labels = maps.Clone(f.labels)
	if f.labels == nil {
		f.labels = make(map[string]string)
	}
	f.labels[label] = value
	return f
}

// inAll is the fact of all values in the course of time.
func (f fact) inAll() fact {
	f.sum = true
	return f
}

// whenRecorded is the fact with other bounds where rules are loaded.
func (f fact) whenRecorded(low, high float64) fact {
	f.recorded = &[2]float64{low, high}
	return f
}

// check holds a fact against an answer.
func (f fact) check(t *testing.T, all answers, rules bool) {
	t.Helper()
	if f.rulesOnly && !rules {
		return
	}
	if f.recorded != nil && rules {
		f.low, f.high = f.recorded[0], f.recorded[1]
	}
	answer, ok := all[f.query]
	if !ok {
		t.Errorf("no panel asks %s", f.query)
		return
	}
	var found []told
	for _, one := range answer {
		matches := true
		for label, value := range f.labels {
			matches = matches && string(one.Metric[model.LabelName(label)]) == value
		}
		if matches {
			found = append(found, one)
		}
	}
	if len(found) != 1 {
		t.Errorf("%s: %d series of %v, want one of %v", f.query, len(found), f.labels, answer)
		return
	}
	got := found[0].last
	if f.sum {
		got = found[0].sum
	}
	if !(got >= f.low-exactly && got <= f.high+exactly) {
		t.Errorf("%s %v: %v, want %v to %v", f.query, f.labels, got, f.low, f.high)
	}
}

// checkRows checks how many series a query has.
func (all answers) checkRows(t *testing.T, query string, rows int) {
	t.Helper()
	if got, ok := all[query]; !ok || len(got) != rows {
		t.Errorf("%s: %d series, want %d: %v", query, len(got), rows, got)
	}
}

// checkEmpty checks that all queries have an answer but these, for which there is a reason.
func (all answers) checkEmpty(t *testing.T, reasons map[string]string) {
	t.Helper()
	for _, query := range slices.Sorted(maps.Keys(all)) {
		reason, excused := reasons[query]
		switch {
		case len(all[query]) == 0 && !excused:
			t.Errorf("%s is empty", query)
		case len(all[query]) > 0 && excused:
			t.Errorf("%s is not empty, which is excused: %s", query, reason)
		}
	}
	for query := range reasons {
		if _, ok := all[query]; !ok {
			t.Errorf("no panel asks %s, which may be empty", query)
		}
	}
}

// checkChosen checks that nothing is told but of what is chosen.
func (all answers) checkChosen(t *testing.T, chosen map[string]string) {
	t.Helper()
	for query, series := range all {
		for _, one := range series {
			for label, value := range chosen {
				if got, ok := one.Metric[model.LabelName(label)]; ok && string(got) != value {
					t.Errorf("%s tells of %s %s", query, label, got)
				}
			}
		}
	}
}

// panels are those that the answers are of.
func (all answers) panels() []string {
	names := make(map[string]bool)
	for query := range all {
		names[panelOf(query)] = true
	}
	return slices.Sorted(maps.Keys(names))
}

func panelOf(query string) string { return query[:strings.LastIndex(query, "/")] }

func (one told) String() string {
	return fmt.Sprintf("%v: %v (%v in all)", one.Metric, one.last, one.sum)
}
