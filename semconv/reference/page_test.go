package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func loaded(t *testing.T) *registry {
	t.Helper()
	r, err := load(os.DirFS(registryDir))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// metrics are all that the registry has, those of the standard among them.
func (r *registry) metrics() (all []*metric) {
	for _, file := range r.Files {
		all = append(all, file.Metrics...)
		all = append(all, file.Refinements...)
	}
	return all
}

func TestThePageIsThatOfTheRegistry(t *testing.T) {
	want, err := loaded(t).page()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(pagePath)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("`make generate` has not been run (-want +got):\n%s", diff)
	}
}

// A new file of the registry is not forgotten in the template.
func TestThePageHasEveryName(t *testing.T) {
	r := loaded(t)
	page, err := r.page()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for key := range r.Attributes {
		names = append(names, key)
	}
	for _, m := range r.metrics() {
		names = append(names, m.Name)
	}
	for _, file := range r.Files {
		for _, s := range file.Spans {
			names = append(names, s.Name.Note)
			if s.Annotations.Example == "" {
				t.Errorf("span %q has no example", s.Name.Note)
			}
		}
		for _, e := range file.Events {
			names = append(names, e.Name)
		}
	}
	for _, name := range names {
		if !strings.Contains(string(page), "\n### "+name+"\n") {
			t.Errorf("the page has no section %q", name)
		}
	}
}

// metricName finds names of metrics in a query: what no bracket, brace or quote makes
// something else.
var metricName = regexp.MustCompile(`\b(?:pulltrace|process)_\w+`)

// notMetrics are the parts of a query in which names are labels.
var notMetrics = regexp.MustCompile(`\{[^}]*\}|by \([^)]*\)`)

// liveForm is that of a query over live series.
var liveForm = regexp.MustCompile(`and \(timestamp\((\w+)\) > time\(\) - 30\)`)

func TestQueriesAskForWhatThereIs(t *testing.T) {
	r := loaded(t)
	known := map[string]bool{}
	for _, m := range r.metrics() {
		for _, name := range namesOf(t, m) {
			known[name] = true
		}
	}
	live := map[*metric]bool{}
	for _, m := range r.Files["metrics-live"].Metrics {
		live[m] = true
	}
	for _, m := range r.metrics() {
		if len(m.Annotations.Queries) == 0 {
			t.Errorf("%s has no query", m.Name)
		}
		for _, q := range m.Annotations.Queries {
			if !asks(q, namesOf(t, m)) {
				t.Errorf("%s has a query that does not ask for it: %s", m.Name, q.PromQL)
			}
			for _, name := range metricName.FindAllString(notMetrics.ReplaceAllString(q.PromQL, ""), -1) {
				if !known[name] {
					t.Errorf("%s has a query for %s, which is not there", m.Name, name)
				}
			}
			form := liveForm.FindStringSubmatch(q.PromQL)
			if live[m] != (form != nil) || (form != nil && form[1] != namesOf(t, m)[0]) {
				t.Errorf("%s is live: %t; its query says otherwise: %s", m.Name, live[m], q.PromQL)
			}
		}
	}
}

func asks(q query, names []string) bool {
	for _, name := range names {
		if strings.Contains(q.PromQL, name) {
			return true
		}
	}
	return false
}

func namesOf(t *testing.T, m *metric) []string {
	t.Helper()
	names, err := prometheusNames(m)
	if err != nil {
		t.Fatal(err)
	}
	return names
}
