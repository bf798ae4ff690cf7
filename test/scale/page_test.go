package scale

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
)

// goal is what each query of a panel is to take at most.
const goal = time.Second

const appended = "prometheus_tsdb_head_samples_appended_total"

// report is what the page tells.
type report struct {
	began  time.Time
	before float64 // samples that had come until then
	loads  []string
	facts  [][2]string

	order  []string // of the dashboards
	tables map[string][][]timing
}

func (b *bench) beginReport(t *testing.T) *report {
	t.Helper()
	r := &report{began: time.Now(), before: b.own(t, appended), tables: make(map[string][][]timing)}
	r.noteLoad()
	return r
}

func (r *report) noteLoad() {
	text, err := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(text)); err == nil && len(fields) > 0 {
		r.loads = append(r.loads, fields[0])
	}
}

// add takes the timing of a dashboard's query in a view.
func (r *report) add(dashboard string, query, view int, m timing) {
	table := r.tables[dashboard]
	if table == nil {
		r.order = append(r.order, dashboard)
	}
	if query == len(table) {
		table = append(table, make([]timing, len(views)))
	}
	table[query][view] = m
	r.tables[dashboard] = table
}

// finish takes what there is at the end.
func (b *bench) finish(t *testing.T, r *report) {
	t.Helper()
	r.noteLoad()
	fact := func(name, format string, args ...any) {
		r.facts = append(r.facts, [2]string{name, fmt.Sprintf(format, args...)})
	}
	ofNode := func(matchers string) float64 {
		return b.number(t, `count({job="pulltrace"`+matchers+`})`) / float64(b.nodes)
	}
	live := ofNode(`,oci_manifest_digest!=""`)
	took := time.Since(r.began).Seconds()
	fact("nodes", "%d", b.nodes)
	fact("pulls that run", "%.0f", b.number(t, `sum(pulltrace_pull_active)`))
	fact("series of a node", "%.0f, %.0f of them of images and layers", ofNode(""), live)
	fact("samples of the past", "%.1f million, of %s", float64(b.samples)/1e6, b.span.past)
	fact("samples that come in each second", "%.0f", (b.own(t, appended)-r.before)/took)
	fact("Prometheus' head", "%.0f series and the samples of %s", b.own(t, "prometheus_tsdb_head_series"), time.Since(b.start).Round(time.Minute))
	fact("resident memory of Prometheus", "%.1f GiB, of which %.1f GiB are its heap", b.own(t, "process_resident_memory_bytes")/(1<<30), b.own(t, "go_memstats_heap_inuse_bytes")/(1<<30))
	rules, err := b.prometheus.API().Rules(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range rules.Groups {
		fact("one evaluation of "+g.Name+", every "+seconds(g.Interval).String(), "%.2f s", evaluation(g))
	}
	fact("what was asked for is so old, at the end", "%s", time.Since(b.latest(t)).Round(time.Second))
	fact("evaluating the recording rules over the past", "%s", b.recording.Round(time.Second))
	fact("machine", "%d × %s", runtime.NumCPU(), processor())
	fact("load of the machine, before and after", "%s", strings.Join(r.loads, ", "))
}

// evaluation is how long the rules of a group took when they were last evaluated, in
// seconds.
func evaluation(g v1.RuleGroup) (took float64) {
	for _, rule := range g.Rules {
		switch rule := rule.(type) {
		case v1.RecordingRule:
			took += rule.EvaluationTime
		case v1.AlertingRule:
			took += rule.EvaluationTime
		}
	}
	return took
}

// processor is what the processors of this machine call themselves.
func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, found := strings.CutPrefix(s.Text(), "model name\t: "); found {
			return name
		}
	}
	return runtime.GOARCH
}

const intro = `# The dashboards with many nodes

` + "`make bench-dashboards`" + ` writes this page. A real Prometheus has the series of so many nodes, each with three pulls at
once, and is asked what the [dashboards](../dashboards) ask, with their own ranges of time and all
variables at All, or with one node chosen; one query after another.

The series are those of Pulltrace: its reporter, SDK and exporter tell the simulated pulls of %d nodes, of which the
others are copies with names of their own. What they pushed before is written as blocks of Prometheus'
storage, at the interval of 10 s; what the rules record of it is promtool's. From then on all push by OTLP, and
the rules are evaluated as ever, while the queries are asked. Images have six layers, of which three come at
once; nodes know three registries; pulls fail, are refused, and on %d %% of the nodes stand still. In the last hour
each node pulls without a break, before that for ten minutes now and then.

| | |
|---|---|
`

func (r *report) markdown(f *fleet, nodes int) string {
	var s strings.Builder
	fmt.Fprintf(&s, intro, len(f.originals), 100*len(f.originals[standing].copies)/nodes)
	for _, f := range r.facts {
		fmt.Fprintf(&s, "| %s | %s |\n", f[0], f[1])
	}
	s.WriteString(`
The times are those of whole answers over HTTP, in milliseconds: the median of ` + fmt.Sprint(repeats) + `, or of as many as
` + patience.String() + ` allow, in brackets the first time that the query was asked; and the number of series in the answer.
**Bold** is what takes more than the goal of a second. Without rules is how the dashboards ask where the rules are not loaded.
`)
	for _, dashboard := range r.order {
		fmt.Fprintf(&s, "\n## %s\n\n| panel and query |", dashboard)
		for _, v := range views {
			fmt.Fprintf(&s, " %s |", v.name)
		}
		s.WriteString("\n|---|" + strings.Repeat("---|", len(views)) + "\n")
		for _, timings := range r.tables[dashboard] {
			fmt.Fprintf(&s, "| %s |", timings[0].query)
			for _, m := range timings {
				fmt.Fprintf(&s, " %s |", m)
			}
			s.WriteByte('\n')
		}
	}
	return s.String()
}

// String is the timing as the page tells it.
func (m timing) String() string {
	switch {
	case m.err != nil:
		return "**none in " + limit.String() + "**"
	case m.query.Expr == "":
		return "–"
	}
	told := fmt.Sprintf("%d (%d)", m.repeated.Milliseconds(), m.cold.Milliseconds())
	if m.repeated > goal {
		told = "**" + told + "**"
	}
	return fmt.Sprintf("%s, %d series", told, m.series)
}
