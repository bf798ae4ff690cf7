package scale

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/pulltrace/pulltrace/test/peers/grafana"
)

// late is by how much what Prometheus has may be behind what is simulated: the time between
// two polls and two exports, and that on the way.
const late = 20 * time.Second

// interval is the time between two exports, by default.
const interval = 10 * time.Second

// waitPushed waits until all nodes have pushed: a second time, for of a request some series
// are there before others.
func (b *bench) waitPushed(t *testing.T) {
	t.Helper()
	query := fmt.Sprintf("count(timestamp(pulltrace_source_up) >= %d)", b.start.Add(interval).Unix())
	for deadline := later(b.start, time.Now()).Add(10 * time.Minute); ; time.Sleep(time.Second) {
		answer := b.prometheus.Query(query, time.Now())
		if len(answer) == 1 && int(answer[0].Value) == b.nodes {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("of %d nodes, so many have pushed: %v", b.nodes, answer)
		}
	}
}

// latest is the time up to which all nodes have pushed: seconds ago, or more where the
// machine does not keep up.
func (b *bench) latest(t *testing.T) time.Time {
	t.Helper()
	at := b.number(t, "min(timestamp(pulltrace_source_up))")
	return time.UnixMilli(int64(at * 1000))
}

// waitRecorded waits until Prometheus has seen the blocks of what the rules record.
func (b *bench) waitRecorded(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(time.Second) {
		if len(b.prometheus.Query("registry:pulltrace_pull_active:sum", b.start.Add(-b.span.past/2))) > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the past of what the rules record is not there")
		}
	}
}

// checkSeries holds the series of the blocks against those that Prometheus makes of what is
// pushed: of totals they are the same, and those of images and layers have the same labels.
func (b *bench) checkSeries(t *testing.T) {
	t.Helper()
	pushed := make(map[string]bool)
	last := func(o *original) string { return fmt.Sprintf(`{instance=%q}`, o.copies[len(o.copies)-1].instance) }
	for _, o := range b.originals {
		maps.Copy(pushed, b.seriesOf(t, last(o), b.start, time.Now()))
	}
	for _, o := range b.originals {
		written := b.seriesOf(t, last(o), b.start.Add(-time.Minute), b.start.Add(-time.Millisecond))
		if len(written) < 100 {
			t.Errorf("%s has no more than %d series before it pushes", o.name, len(written))
		}
		for s := range written {
			if !pushed[s] {
				t.Errorf("the blocks have %s, which is not pushed", s)
			}
		}
	}
}

// seriesOf returns the series between two times. Of images and layers there are the names
// of their labels alone, since it is others that are pulled.
func (b *bench) seriesOf(t *testing.T, selector string, from, to time.Time) map[string]bool {
	t.Helper()
	all, warnings, _, err := b.prometheus.API().Series(t.Context(), []string{selector}, from, to)
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	found := make(map[string]bool)
	for _, s := range all {
		if _, live := s["oci_manifest_digest"]; live {
			found[fmt.Sprint(s[model.MetricNameLabel], slices.Sorted(maps.Keys(s)))] = true
		} else {
			found[s.String()] = true
		}
	}
	return found
}

// checkPulls holds what Prometheus says of running and stalled pulls against what is
// simulated. The series of those that are over are closed.
func (b *bench) checkPulls(t *testing.T) {
	t.Helper()
	at := b.latest(t)
	for _, query := range []string{"pulltrace_image_idle_time_seconds", fresh("pulltrace_image_idle_time_seconds")} {
		b.checkTold(t, at, query, late)
	}
	stalled := b.answers(`sum by (k8s_node_name) (pulltrace_pull_stalled) > 0`, at)
	now := b.simulated(at)
	for _, o := range b.originals {
		stands, mayStand := false, false
		for s := range o.pullsAt(now, late) {
			idle := now.Sub(s.last(now))
			mayStand = mayStand || idle > stalledAfter-late
			stands = stands || idle > stalledAfter+late && s.runs(now, late)
		}
		for _, c := range o.copies {
			if got := stalled[c.name+" "]; got && !mayStand || !got && stands {
				t.Errorf("pulls stand still on %s: %t is told", c.name, got)
			}
		}
	}
}

// checkRecorded holds what rules have recorded of images against what is simulated. That is
// of their last evaluation.
func (b *bench) checkRecorded(t *testing.T) {
	t.Helper()
	b.checkTold(t, b.latest(t), fresh("image:pulltrace_image_layer_count:state"), late+15*time.Second)
}

// fresh is a query for what is told now.
func fresh(metric string) string {
	return fmt.Sprintf("%s and (timestamp(%[1]s) > time() - 30)", metric)
}

// checkTold holds the images that are in an answer against the pulls that run.
func (b *bench) checkTold(t *testing.T, at time.Time, query string, late time.Duration) {
	t.Helper()
	told, may := b.answers(query, at), make(map[string]bool)
	now := b.simulated(at)
	for _, o := range b.originals {
		for s := range o.pullsAt(now, late) {
			for _, c := range o.copies {
				what := c.name + " " + s.image.name
				if !told[what] && s.runs(now, late) {
					t.Errorf("%s does not tell of %s", query, what)
				}
				may[what] = true
			}
		}
	}
	for what := range told {
		if !may[what] {
			t.Errorf("%s tells of %s, which is over", query, what)
		}
	}
}

// simulated is a time of Prometheus in the bubble.
func (b *bench) simulated(at time.Time) time.Time { return at.Add(b.now.Sub(b.start)) }

// pullsAt are the pulls that run now, or did so long ago.
func (o *original) pullsAt(now time.Time, late time.Duration) iter.Seq[*simulated] {
	return func(yield func(*simulated) bool) {
		for _, s := range o.pulls {
			if !s.start.After(now) && !s.end().Before(now.Add(-late)) && !yield(s) {
				return
			}
		}
	}
}

// runs tells whether a pull runs now, and did so long ago.
func (s *simulated) runs(now time.Time, late time.Duration) bool {
	return s.start.Before(now.Add(-late)) && s.end().After(now)
}

// checkLayers checks that layers are listed of one node, and not of all, whose images are too
// many for a table.
func (b *bench) checkLayers(t *testing.T) {
	t.Helper()
	d, err := grafana.Read(dashboards + "pulltrace-now.json")
	if err != nil {
		t.Fatal(err)
	}
	for nodes, given := range map[int]map[string][]string{b.nodes: nil, 1: {"node": {nodeName(1)}}} {
		opened, err := d.Open(t.Context(), b.prometheus.API(), grafana.Screen{To: b.latest(t), Given: given})
		if err != nil {
			t.Fatal(err)
		}
		want := ".+"
		if nodes*atOnce > 50 {
			want = "-"
		}
		if got, err := opened.Value("layers"); err != nil || got != want {
			t.Errorf("layers of %d nodes are listed of the registries %q, %v, want %q", nodes, got, err, want)
		}
	}
}

// answers are the nodes and images of the series that a query has.
func (b *bench) answers(query string, at time.Time) map[string]bool {
	found := make(map[string]bool)
	for _, s := range b.prometheus.Query(query, at) {
		found[fmt.Sprintf("%s %s", s.Metric["k8s_node_name"], s.Metric["container_image_name"])] = true
	}
	return found
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
