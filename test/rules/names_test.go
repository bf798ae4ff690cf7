package rules

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/otlptranslator"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/pulltrace/pulltrace/test/conventions"
)

// names are the series that there are: by name, their labels, each with the values that
// it may have, or nil where any will do.
type names map[string]map[string][]string

// Labels that series have of the way they come, and what clusters are told apart by.
var common = []string{"cluster", "instance", "job", "k8s_cluster_name"}

// foreign are series of others.
var foreign = names{
	"kube_node_info": {"node": nil, "container_runtime_version": nil, "os_image": nil}, // kube-state-metrics
	"ALERTS":         {"alertname": nil, "alertstate": nil},
	"target_info":    {"container_runtime_version": nil},
	"up":             {},
}

// types are what instruments become in Prometheus.
var types = map[string]otlptranslator.MetricType{
	"gauge":         otlptranslator.MetricTypeGauge,
	"updowncounter": otlptranslator.MetricTypeNonMonotonicCounter,
	"counter":       otlptranslator.MetricTypeMonotonicCounter,
	"histogram":     otlptranslator.MetricTypeHistogram,
}

// known returns what Pulltrace declares, by its names in Prometheus, what the rules
// record, and what is foreign.
func known(t *testing.T) names {
	t.Helper()
	registry, err := conventions.Load()
	if err != nil {
		t.Fatal(err)
	}
	namer := otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	all := maps.Clone(foreign)
	every := make(map[string][]string) // label of ours
	for _, m := range registry.Metrics() {
		name, err := namer.Build(otlptranslator.Metric{Name: m.Name, Unit: m.Unit, Type: types[m.Instrument]})
		if err != nil {
			t.Fatal(err)
		}
		its := make(map[string][]string)
		for key, values := range m.Attributes {
			label := strings.ReplaceAll(key, ".", "_")
			its[label] = values
			every[label] = append(every[label], values...)
		}
		if m.Instrument != "histogram" {
			all[name] = its
			continue
		}
		all[name+"_sum"], all[name+"_count"] = its, its
		all[name+"_bucket"] = maps.Clone(its)
		all[name+"_bucket"]["le"], every["le"] = nil, nil
	}
	for _, r := range readRules(t) {
		if r.Record != "" {
			all[r.Record] = every
		}
	}
	return all
}

func (n names) anyLabel(label string) bool {
	return slices.Contains(common, label) || slices.ContainsFunc(slices.Collect(maps.Values(n)), func(its map[string][]string) bool {
		_, has := its[label]
		return has
	})
}

// check holds the names in a query against those that there are.
func (n names) check(t *testing.T, query string) {
	t.Helper()
	timestamps, uses := make(map[string]int), make(map[string]int)
	for s, path := range selectors(t, query) {
		its, there := n[s.Name]
		if !there {
			t.Errorf("no metric %q, which is asked for by\n%s", s.Name, query)
			continue
		}
		for _, m := range s.LabelMatchers {
			n.checkMatcher(t, s.Name, its, m)
		}
		if !strings.HasPrefix(s.Name, "pulltrace_image_") && !strings.HasPrefix(s.Name, "pulltrace_layer_") {
			continue
		}
		written := query[s.PosRange.Start:s.PosRange.End]
		if call, ok := path[len(path)-1].(*parser.Call); ok && call.Func.Name == "timestamp" {
			timestamps[written]++
		} else {
			uses[written]++
		}
	}
	for selector, times := range uses {
		form := "(timestamp(" + selector + ") > time() - 30)"
		if timestamps[selector] != times || strings.Count(query, form) != times {
			t.Errorf("%s is live, and %d of %d times asked for by `and %s` in\n%s", selector, timestamps[selector], times, form, query)
		}
	}
	n.checkLabels(t, query)
}

func (n names) checkMatcher(t *testing.T, name string, its map[string][]string, m *labels.Matcher) {
	t.Helper()
	values, has := its[m.Name]
	switch {
	case m.Name == model.MetricNameLabel || slices.Contains(common, m.Name):
	case !has:
		t.Errorf("%s has no label %s", name, m.Name)
	case len(values) > 0:
		for value := range strings.SplitSeq(m.Value, "|") {
			if value != "" && !slices.Contains(values, value) {
				t.Errorf("%s has no %s=%q", name, m.Name, value)
			}
		}
	}
}

// checkLabels holds the labels that a query groups and joins by.
func (n names) checkLabels(t *testing.T, query string) {
	t.Helper()
	expr, err := promql.ParseExpr(query)
	if err != nil {
		t.Fatal(err)
	}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		var used []string
		switch node := node.(type) {
		case *parser.AggregateExpr:
			used = node.Grouping
		case *parser.BinaryExpr:
			if node.VectorMatching != nil {
				used = slices.Concat(node.VectorMatching.MatchingLabels, node.VectorMatching.Include)
			}
		}
		for _, label := range used {
			if !n.anyLabel(label) {
				t.Errorf("no metric has the label %s, which is used in\n%s", label, query)
			}
		}
		return nil
	})
}

var (
	// templateQuery finds a query in a template, with %q where values are put in.
	templateQuery = regexp.MustCompile("printf `([^`]+)`")
	// templateLabel finds a label that a template shows.
	templateLabel = regexp.MustCompile(`[$.][lL]abels\.(\w+)|sortByLabel "(\w+)"`)
)

// A metric, label or value that is renamed breaks a rule that has it.
func TestRulesAskForWhatThereIs(t *testing.T) {
	there := known(t)
	for _, r := range readRules(t) {
		t.Run(r.Record+r.Alert, func(t *testing.T) {
			there.check(t, r.Expr)
			for _, text := range r.Annotations {
				for _, query := range templateQuery.FindAllStringSubmatch(text, -1) {
					there.check(t, strings.ReplaceAll(query[1], "%q", `""`))
				}
				for _, label := range templateLabel.FindAllStringSubmatch(text, -1) {
					if name := label[1] + label[2]; !there.anyLabel(name) {
						t.Errorf("shows %s, which no metric has", name)
					}
				}
			}
		})
	}
}
