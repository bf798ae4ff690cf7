package grafana

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const dashboard = `{
  "uid": "u", "title": "T", "time": {"from": "now-6h", "to": "now"},
  "annotations": {"list": [{"name": "Annotations", "datasource": {"type": "grafana", "uid": "-- Grafana --"}}]},
  "templating": {"list": [
    {"type": "datasource", "name": "datasource", "query": "prometheus"},
    {"type": "custom", "name": "quantile", "query": "0.5,0.9", "current": {"text": "0.9", "value": "0.9"}},
    {"type": "custom", "name": "node", "query": "a.b,c", "multi": true, "includeAll": true, "allValue": ".*"}
  ]},
  "panels": [
    {"type": "row", "title": "Open", "panels": []},
    {"type": "text", "title": "Words"},
    {"type": "timeseries", "title": "Course", "gridPos": {"w": 12}, "datasource": {"type": "prometheus", "uid": "${datasource}"}, "targets": [
      {"refId": "A", "expr": "rate(a{n=~\"$node\"}[$__rate_interval])", "range": true, "exemplar": true, "legendFormat": "{{n}}"},
      {"refId": "B", "expr": "hidden", "hide": true},
      {"refId": "T", "datasource": {"type": "tempo", "uid": "x"}, "query": "{.n=~\"${node:regex}\"}", "limit": 20}
    ]},
    {"type": "row", "title": "Closed", "panels": [
      {"type": "stat", "title": "Both", "gridPos": {"w": 6}, "interval": "1m", "datasource": {"type": "prometheus", "uid": "${datasource}"}, "targets": [
        {"expr": "q($quantile, x[$__range])[$__interval]", "range": true, "instant": true, "format": "table"}
      ]}
    ]}
  ]
}`

func TestQueries(t *testing.T) {
	d, err := parse([]byte(dashboard))
	if err != nil {
		t.Fatal(err)
	}
	to := time.Date(2026, 1, 2, 12, 0, 7, 0, time.UTC)
	aligned := func(step time.Duration) (from, until time.Time) {
		return to.Add(-6 * time.Hour).Truncate(step), to.Truncate(step)
	}
	o, err := d.Open(t.Context(), nil, Screen{To: to, Given: map[string][]string{"node": {"a.b", "d"}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := o.Queries()
	if err != nil {
		t.Fatal(err)
	}
	// 21,600 s in 800 points are 27 s, so 30 s; in 400 points 54 s, so 1 min.
	course := Query{Row: "Open", Panel: "Course", PanelType: "timeseries", RefID: "A", Expr: `rate(a{n=~"(a\\.b|d)"}[1m0s])`, Step: 30 * time.Second, Exemplar: true, Legend: "{{n}}"}
	course.Start, course.End = aligned(course.Step)
	both := Query{Row: "Closed", Panel: "Both", PanelType: "stat", RefID: "A", Expr: "q(0.9, x[21600s])[1m]", Step: time.Minute}
	both.Start, both.End = aligned(both.Step)
	end := Query{Row: "Closed", Panel: "Both", PanelType: "stat", RefID: "A", Expr: both.Expr, Instant: true, End: to}
	if diff := cmp.Diff([]Query{course, both, end}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, want := range map[string]string{"node": `(a\\.b|d)`, "quantile": "0.9", "datasource": "prometheus"} {
		if got, err := o.Value(name); got != want || err != nil {
			t.Errorf("%s is %q (%v), want %q", name, got, err, want)
		}
	}
}

func TestDefaults(t *testing.T) {
	d, err := parse([]byte(dashboard))
	if err != nil {
		t.Fatal(err)
	}
	o, err := d.Open(t.Context(), nil, Screen{To: time.Now(), Length: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	queries, err := o.Queries()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := queries[0].Expr, `rate(a{n=~".*"}[1m0s])`; got != want || queries[0].Step != scrapeInterval {
		t.Errorf("%s every %s, want %s every %s", got, queries[0].Step, want, scrapeInterval)
	}
}

// What would be asked otherwise by Grafana than here is an error.
func TestRefused(t *testing.T) {
	for name, change := range map[string][2]string{
		"an unknown variable":                    {`$quantile`, `$quantil`},
		"an unknown variable in a trace's query": {`${node:regex}`, `${nobody:regex}`},
		"an unknown variable in a title":         {`"Both"`, `"$both"`},
		"an unknown type of variable":            {`"type": "custom", "name": "node"`, `"type": "interval", "name": "node"`},
		"an unknown field of a variable":         {`"allValue"`, `"allValues"`},
		"two variables of a name":                {`"name": "node"`, `"name": "quantile"`},
		"an unknown field of a query":            {`"legendFormat"`, `"legend"`},
		"a query without a text":                 {`"expr": "q($quantile, x[$__range])[$__interval]"`, `"expr": ""`},
		"a panel that asks nothing":              {`"type": "text"`, `"type": "table"`},
		"a text that asks":                       {`"type": "stat"`, `"type": "text"`},
		"a panel without width":                  {`"gridPos": {"w": 6}, `, ``},
		"a panel with a time of its own":         {`"interval": "1m"`, `"timeFrom": "1h"`},
		"a panel that is repeated":               {`"interval": "1m"`, `"repeat": "node"`},
		"an interval that is none":               {`"interval": "1m"`, `"interval": ">1m"`},
		"an annotation that asks Prometheus":     {`"type": "grafana"`, `"type": "prometheus"`},
		"a time that is not up to now":           {`"to": "now"`, `"to": "now-1h"`},
		"a variable that is never filled":        {`"type": "custom", "name": "node"`, `"type": "query", "datasource": {"type": "prometheus"}, "name": "node"`},
		"a variable with data from elsewhere":    {`"type": "custom", "name": "node"`, `"type": "query", "refresh": 1, "datasource": {"type": "loki"}, "name": "node"`},
		"a variable with an unknown query":       {`"type": "custom", "name": "node"`, `"type": "query", "refresh": 1, "datasource": {"type": "prometheus"}, "name": "node"`},
	} {
		text := strings.Replace(dashboard, change[0], change[1], 1)
		if text == dashboard {
			t.Errorf("%s: nothing is changed", name)
			continue
		}
		d, err := parse([]byte(text))
		if err == nil {
			var o *Opened
			if o, err = d.Open(t.Context(), nil, Screen{To: time.Now()}); err == nil {
				_, err = o.Queries()
			}
		}
		if err == nil {
			t.Errorf("%s is no error", name)
		}
	}
	d, err := parse([]byte(dashboard))
	if err != nil {
		t.Fatal(err)
	}
	for _, given := range []map[string][]string{{"nobody": {"a"}}, {"quantile": {"0.5", "0.9"}}} {
		if _, err := d.Open(t.Context(), nil, Screen{To: time.Now(), Given: given}); err == nil {
			t.Errorf("%v can be given", given)
		}
	}
}

// What Grafana's own tests say of steps and of the time that rates are taken over.
func TestIntervals(t *testing.T) {
	for _, test := range []struct {
		length     time.Duration
		points     int64
		panel, own string
		factor     int64
		step, rate time.Duration
	}{
		{time.Hour, 1000, "", "", 0, 15 * time.Second, time.Minute},
		{time.Hour, 100, "", "", 0, 30 * time.Second, time.Minute},
		{48 * time.Hour, 1000, "", "", 0, 2 * time.Minute, 135 * time.Second},
		{48 * time.Hour, 1000, "", "", 10, 20 * time.Minute, 135 * time.Second},
		{time.Hour, 1000, "1m", "", 0, time.Minute, 75 * time.Second},
		{time.Hour, 1000, "", "30s", 0, 30 * time.Second, 2 * time.Minute},
		{30 * 24 * time.Hour, 1000, "", "1m", 0, 30 * time.Minute, 31 * time.Minute},
		{365 * 24 * time.Hour, 100000, "", "", 0, time.Hour, 5*time.Minute + 15*time.Second},
	} {
		got, err := intervalsOf(test.length, test.points, test.panel, test.own, test.factor)
		if want := (intervals{test.step, test.rate}); got != want || err != nil {
			t.Errorf("%s in %d points, %q, %q: %v (%v), want %v", test.length, test.points, test.panel, test.own, got, err, want)
		}
	}
	for d, want := range map[time.Duration]string{15 * time.Second: "15s", 2 * time.Minute: "2m", 90 * time.Second: "1m", day: "1d", 0: "1ms"} {
		if got := shortly(d); got != want {
			t.Errorf("%s is written as %s, want %s", d, got, want)
		}
	}
}
