package rules

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// Where things are, seen from this folder.
const (
	rulesFile = "../../dashboards/pulltrace.rules.yaml"
	runbooks  = "../../docs/runbooks"
)

var promql = parser.NewParser(parser.Options{})

// readRules returns the rules, recordings and alerts in their order.
func readRules(t *testing.T) (rules []rulefmt.Rule) {
	t.Helper()
	file, errs := rulefmt.ParseFile(rulesFile, false, model.UTF8Validation, promql, slog.Default())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for _, g := range file.Groups {
		rules = append(rules, g.Rules...)
	}
	return rules
}

// readAlerts returns the alerts by name.
func readAlerts(t *testing.T) map[string]rulefmt.Rule {
	t.Helper()
	alerts := make(map[string]rulefmt.Rule)
	for _, r := range readRules(t) {
		if r.Alert != "" {
			alerts[r.Alert] = r
		}
	}
	return alerts
}

// glob returns the files that match, of which there is at least one.
func glob(t *testing.T, pattern ...string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(pattern...))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%v: no file: %v", pattern, err)
	}
	return paths
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// selectors returns what a query selects, each with the nodes it is in.
func selectors(t *testing.T, query string) map[*parser.VectorSelector][]parser.Node {
	t.Helper()
	expr, err := promql.ParseExpr(query)
	if err != nil {
		t.Fatalf("%v in\n%s", err, query)
	}
	found := make(map[*parser.VectorSelector][]parser.Node)
	parser.Inspect(expr, func(n parser.Node, path []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			found[s] = append([]parser.Node(nil), path...)
		}
		return nil
	})
	return found
}
