package scale

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/peers/grafana"
)

const (
	dashboards = "../../dashboards/"
	rulesFile  = dashboards + "pulltrace.rules.yaml"

	repeats  = 5                // of a query, after the first time
	patience = 6 * time.Second  // for all of them
	limit    = 30 * time.Second // of one
)

// view is how a dashboard is looked at.
type view struct {
	name  string
	given map[string][]string
}

// views are all nodes, one node, of which nothing is recorded, and all nodes as if the rules
// were not loaded.
var views = []view{
	{"all nodes", nil},
	{"one node", map[string][]string{"node": {nodeName(1)}}},
	{"all nodes, no rules", map[string][]string{"direct": {".+"}}},
}

// timing is how long one query of a panel took.
type timing struct {
	query    grafana.Query
	cold     time.Duration // when it was first asked
	repeated time.Duration // the median of the times after it
	series   int           // in the answer
	err      error
}

// measure asks all that a dashboard asks in one of the views.
func (b *bench) measure(t *testing.T, r *report, path string, of int) {
	t.Helper()
	d, err := grafana.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	v, to := views[of], b.latest(t)
	opened, err := d.Open(t.Context(), b.prometheus.API(), grafana.Screen{To: to})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opened.Value("direct"); err != nil && v.given["direct"] != nil {
		return // it asks for nothing that is recorded
	}
	opened, err = d.Open(t.Context(), b.prometheus.API(), grafana.Screen{To: to, Given: v.given})
	if err != nil {
		t.Fatal(err)
	}
	queries, err := opened.Queries()
	if err != nil {
		t.Fatal(err)
	}
	for i, q := range queries {
		m := b.time(t.Context(), q)
		t.Logf("%s, %s: %s: %s, %s, %d series", d.Title, v.name, q, m.cold, m.repeated, m.series)
		if m.err != nil && v.given["direct"] == nil { // without rules it may be too much
			t.Errorf("%s, %s: %s: %v", d.Title, v.name, q, m.err)
		}
		r.add(d.Title, i, of, m)
	}
}

// time asks a query some times. Each is asked anew, as of the time that it is then.
func (b *bench) time(ctx context.Context, q grafana.Query) timing {
	result := timing{query: q}
	var again []time.Duration
	began := time.Now()
	for i := range 1 + repeats {
		took, series, err := b.ask(ctx, q, time.Since(began))
		if result.series = series; err != nil {
			result.err = err
			return result
		}
		if i == 0 {
			result.cold = took
		} else {
			again = append(again, took)
		}
		if time.Since(began) > patience {
			break
		}
	}
	if len(again) == 0 {
		again = []time.Duration{result.cold}
	}
	slices.Sort(again)
	result.repeated = again[len(again)/2]
	return result
}

// ask asks a query as it is asked so much later, and returns how long the whole answer
// took, and how many series it has.
func (b *bench) ask(ctx context.Context, q grafana.Query, later time.Duration) (took time.Duration, series int, err error) {
	form, path := url.Values{"query": {q.Expr}, "timeout": {limit.String()}}, "query"
	if q.Instant {
		form.Set("time", unix(q.End.Add(later)))
	} else {
		path = "query_range"
		later = later.Truncate(q.Step)
		form.Set("start", unix(q.Start.Add(later)))
		form.Set("end", unix(q.End.Add(later)))
		form.Set("step", strconv.FormatFloat(q.Step.Seconds(), 'f', -1, 64))
	}
	began := time.Now()
	body, err := get(ctx, b.url+"/api/v1/"+path+"?"+form.Encode())
	took = time.Since(began)
	if err != nil {
		return took, 0, err
	}
	var answer struct {
		Warnings []string
		Data     struct {
			ResultType string
			Result     json.RawMessage
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return took, 0, err
	}
	if len(answer.Warnings) > 0 {
		return took, 0, fmt.Errorf("%s: %q", q, answer.Warnings)
	}
	if answer.Data.ResultType == "scalar" {
		return took, 1, nil
	}
	var result []json.RawMessage
	err = json.Unmarshal(answer.Data.Result, &result)
	return took, len(result), err
}

func unix(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

func get(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.300s", response.Status, body)
	}
	return body, err
}
