package rules

import (
	"context"
	"os/exec"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/pulltrace/pulltrace/test/promtool"
)

// run runs promtool, which must be content.
func run(t *testing.T, args ...string) {
	t.Helper()
	path, err := promtool.Path(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

func TestTheRulesAreWellFormed(t *testing.T) {
	run(t, "check", "rules", "--lint=all", "--lint-fatal", rulesFile)
}

func TestAlertsFireWhenTheyMust(t *testing.T) {
	for _, path := range glob(t, "*.test.yaml") {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			run(t, "test", "rules", path)
		})
	}
}

// cases are what is asked of a file of cases.
type cases struct {
	Tests []struct {
		Alerts []struct {
			Name   string `yaml:"alertname"`
			Firing []any  `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
		Queries []struct {
			Expr    string
			Samples []any `yaml:"exp_samples"`
		} `yaml:"promql_expr_test"`
	}
}

// For each alert there is a case in which it fires, and one in which it does not.
func TestEachAlertHasItsCases(t *testing.T) {
	fires, silent := make(map[string]bool), make(map[string]bool)
	alerts := readAlerts(t)
	for _, path := range glob(t, "*.test.yaml") {
		var file cases
		if err := yaml.Unmarshal([]byte(readFile(t, path)), &file); err != nil {
			t.Fatal(err)
		}
		for _, test := range file.Tests {
			for _, a := range test.Alerts {
				if alerts[a.Name].Alert == "" {
					t.Errorf("%s has a case for %s, which is not there", path, a.Name)
				}
				fires[a.Name] = fires[a.Name] || len(a.Firing) > 0
			}
			for _, q := range test.Queries {
				for name := range alerts {
					silent[name] = silent[name] || len(q.Samples) == 0 && asksFor(t, q.Expr, name)
				}
			}
		}
	}
	for name := range alerts {
		if !fires[name] || !silent[name] {
			t.Errorf("%s: there are cases in which it fires: %t; in which it never does: %t", name, fires[name], silent[name])
		}
	}
}

// asksFor tells whether a query asks for an alert.
func asksFor(t *testing.T, query, alert string) bool {
	t.Helper()
	for s := range selectors(t, query) {
		for _, m := range s.LabelMatchers {
			if m.Name == "alertname" && m.Matches(alert) {
				return true
			}
		}
	}
	return false
}

// The parser of the tests is that of the Prometheus that is pinned.
func TestOnePrometheusIsPinned(t *testing.T) {
	want, err := promtool.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Version}}", "github.com/prometheus/prometheus")
	got, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want+"\n" {
		t.Errorf("here it is %s, there %s", got, want)
	}
}
