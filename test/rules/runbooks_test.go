package rules

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const address = "https://github.com/pulltrace/pulltrace/blob/main/docs/runbooks/"

// block finds the queries of a page.
var block = regexp.MustCompile("(?s)```promql\n(.+?)```")

// Each alert says what is wrong and what to do, and has its page; what the page asks for is
// there.
func TestEachAlertHasItsRunbook(t *testing.T) {
	alerts, there := readAlerts(t), known(t)
	for name, a := range alerts {
		t.Run(name, func(t *testing.T) {
			if !slices.Contains([]string{"critical", "warning", "info"}, a.Labels["severity"]) {
				t.Errorf("its severity is %q", a.Labels["severity"])
			}
			if a.Annotations["summary"] == "" || !strings.Contains(a.Annotations["description"], "First: ") {
				t.Error("does not say what is wrong, or what to do first")
			}
			if got := a.Annotations["runbook_url"]; got != address+name+".md" {
				t.Errorf("its runbook is %s", got)
			}
			page := readFile(t, filepath.Join(runbooks, name+".md"))
			if !strings.HasPrefix(page, "# "+name+"\n") {
				t.Error("its runbook has another title")
			}
			queries := block.FindAllStringSubmatch(page, -1)
			if len(queries) == 0 {
				t.Error("its runbook has no query")
			}
			for _, query := range queries {
				for one := range strings.SplitSeq(strings.TrimSpace(query[1]), "\n\n") {
					there.check(t, one)
				}
			}
		})
	}
	for _, path := range glob(t, runbooks, "*.md") {
		name := strings.TrimSuffix(filepath.Base(path), ".md")
		if _, found := alerts[name]; !found && name != "README" {
			t.Errorf("%s is the page of no alert", path)
		}
	}
}
