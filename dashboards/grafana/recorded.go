package main

import (
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/pulltrace/pulltrace/semconv"
)

// recordings are the queries of the recording rules, by the names of what they record.
//
// A dashboard asks for what is recorded where rules are loaded and all nodes are
// chosen, since what is recorded is the sum of all. Else it asks for the same directly:
// the rule's own query, of the chosen nodes. The variable direct says which, as a
// pattern that matches all registries or none, so that Prometheus finds no series for
// the other one and is done at once.
type recordings map[string]string

var promql = parser.NewParser(parser.Options{})

func readRules(path string) (recordings, error) {
	file, errs := rulefmt.ParseFile(path, false, model.UTF8Validation, promql, slog.Default())
	if len(errs) > 0 {
		return nil, fmt.Errorf("reading rules: %w", errs[0])
	}
	found := make(recordings)
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				found[r.Record] = r.Expr
			}
		}
	}
	return found, nil
}

// now is what a rule records.
func (r recordings) now(rule string, matchers ...string) string {
	return fmt.Sprintf("(\n%s\nor\n%s\n)", recorded(rule, matchers), r.direct(rule, matchers))
}

// running is what a rule records of images, without what it recorded before Prometheus was
// stopped: that has no end.
func (r recordings) running(rule string, matchers ...string) string {
	return fmt.Sprintf("(\n%s\nor\n%s\n)", live(recorded(rule, matchers)), r.direct(rule, matchers))
}

// ended are the pulls that ended or were refused in a window, of which a rule records those
// of each minute.
func (r recordings) ended(window string, matchers ...string) string {
	return fmt.Sprintf("(\nsum_over_time(%s[%s])\nor\nsum_over_time((\n%s\n)[%[2]s:1m])\n)",
		recorded(endedPulls, matchers), window, r.direct(endedPulls, matchers))
}

// window is a time, as it stands in a selector, and in seconds.
type window struct{ text, seconds string }

// shown is the time that the dashboard shows.
var shown = window{"$__range", "$__range_s"}

// increase is what came over a window of what a rule records every minute as a rate. A
// series that is younger than the window counts as much as it has.
func (r recordings) increase(rule string, over window, matchers ...string) string {
	return fmt.Sprintf("(\n60 * sum_over_time(%s[%s])\nor\n%s * %s\n)",
		recorded(rule, matchers), over.text, over.seconds, strings.ReplaceAll(r.direct(rule, matchers), "[5m]", "["+over.text+"]"))
}

func recorded(rule string, matchers []string) string {
	chosen := []string{chosenCluster, chosenRegistry, registry + `!~"$direct"`}
	if strings.HasPrefix(rule, "image") || strings.HasPrefix(rule, "pod:") {
		chosen = append(chosen, chosenImage)
	}
	return selector(rule, append(chosen, matchers...))
}

// ofNodes are the series without a registry.
var ofNodes = name(semconv.SourceUp)

// ofImages is what the names of metrics begin with that have a series for each image.
const ofImages = "pulltrace_image_"

// direct is the query of a rule with the matchers of what is chosen put into it.
func (r recordings) direct(rule string, matchers []string) string {
	expr, err := promql.ParseExpr(r.whole(rule))
	if err != nil {
		panic(fmt.Sprintf("the rule %s: %v", rule, err)) // the file was read
	}
	// The parser knows no variable in the place of a label's name.
	const stands = "cluster_label_"
	put := func(name string, matchers ...string) []*labels.Matcher {
		text := strings.ReplaceAll(ofNode(name, matchers...), clusterLabel, stands)
		parsed, err := promql.ParseMetricSelector(text)
		if err != nil {
			panic(fmt.Sprintf("%s: %v", text, err)) // a constant
		}
		return parsed
	}
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		s, is := n.(*parser.VectorSelector)
		if !is {
			return nil
		}
		chosen := slices.Concat([]string{chosenRegistry, registry + `=~"$direct"`}, matchers)
		switch {
		case s.Name == ofNodes:
			chosen = []string{`job=~"$direct"`} // all have one, and no outcome or reason either
		case strings.HasPrefix(s.Name, ofImages):
			chosen = append(chosen, chosenImage)
		}
		for _, m := range put(s.Name, chosen...) {
			if m.Name != model.MetricNameLabel {
				s.LabelMatchers = append(s.LabelMatchers, m)
			}
		}
		return nil
	})
	return strings.ReplaceAll(expr.Pretty(0), stands, clusterLabel)
}

var (
	// recordedName finds what is recorded in a query.
	recordedName = regexp.MustCompile(`\w+:\w+:\w+`)
	// recordedNow finds where a query leaves out what was recorded before.
	recordedNow = regexp.MustCompile(`\s+and \(timestamp\(\w+:\w+:\w+\) == time\(\)\)`)
)

// whole is the query of a rule, with the queries of other rules in the place of what these
// record.
func (r recordings) whole(rule string) string {
	return recordedName.ReplaceAllStringFunc(recordedNow.ReplaceAllString(r[rule], ""), func(other string) string {
		return "(\n" + r.whole(other) + ")"
	})
}
