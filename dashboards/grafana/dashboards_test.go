package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/prometheus/prometheus/promql/parser"
)

func generated(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Who changes a dashboard by hand, or the code without `make generate`, is told.
func TestFilesAreThoseOfTheCode(t *testing.T) {
	files := generated(t)
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(outDir, name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-code +file), run `make generate`:\n%s", name, diff)
		}
	}
	there, err := filepath.Glob(filepath.Join(outDir, "*.json"))
	if err != nil || len(there) != len(files) {
		t.Errorf("%d dashboards are made, and there are %v, %v", len(files), there, err)
	}
}

// read returns the dashboards as Grafana reads them.
func read(t *testing.T) []dashboard.Dashboard {
	t.Helper()
	plugins.RegisterDefaultPlugins() // or options and queries are not looked at
	var all []dashboard.Dashboard
	for name, text := range generated(t) {
		// The strict reading keeps no panel, and returns an error without any in it.
		if err := new(dashboard.Dashboard).UnmarshalJSONStrict(text); err != nil && err.Error() != "" {
			t.Fatalf("%s is not what the schema says: %v", name, err)
		}
		var d dashboard.Dashboard
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// A panel says what it shows, in what unit, and what it means that it is empty.
func TestPanelsExplainThemselves(t *testing.T) {
	for _, d := range read(t) {
		titles, ids := make(map[string]bool), make(map[uint32]bool)
		for _, p := range d.Panels {
			if p.RowPanel != nil {
				continue
			}
			panel := p.Panel
			title := *panel.Title
			if titles[title] || ids[*panel.Id] {
				t.Errorf("%s has two panels %q, or %d", *d.Title, title, *panel.Id)
			}
			titles[title], ids[*panel.Id] = true, true
			if panel.Description == nil || len(*panel.Description) < 16 {
				t.Errorf("%s: %q has no description", *d.Title, title)
			}
			defaults := panel.FieldConfig.Defaults
			if panel.Type != "heatmap" && (defaults.NoValue == nil || *defaults.NoValue == "") {
				t.Errorf("%s: %q says nothing when it is empty", *d.Title, title)
			}
			if panel.Type != "table" && panel.Type != "heatmap" && (defaults.Unit == nil || *defaults.Unit == "") {
				t.Errorf("%s: %q has no unit", *d.Title, title)
			}
		}
	}
}

// Every query is PromQL, asks for live series in the right form, and uses variables
// that there are.
func TestQueries(t *testing.T) {
	for _, d := range read(t) {
		known := map[string]bool{"__range": true, "__range_s": true, "__interval": true, "__rate_interval": true}
		for _, v := range d.Templating.List {
			if v.Query != nil && v.Type == dashboard.VariableTypeQuery {
				query := v.Query.Map["query"].(string)
				checkVariables(t, query, known)
				if inner, is := strings.CutPrefix(query, "query_result("); is {
					checkQuery(t, strings.TrimSuffix(inner, ")"))
				}
			}
			known[v.Name] = true
		}
		for _, query := range queries(t, &d) {
			checkVariables(t, query, known)
			checkQuery(t, query)
		}
	}
}

// queries are those of the panels that ask Prometheus.
func queries(t *testing.T, d *dashboard.Dashboard) (all []string) {
	t.Helper()
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Panels []struct {
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, p := range file.Panels {
		for _, target := range p.Targets {
			if target.Expr != "" {
				all = append(all, target.Expr)
			}
		}
	}
	if len(all) < 12 {
		t.Errorf("%s has only %d queries", *d.Title, len(all))
	}
	return all
}

var variable = regexp.MustCompile(`\$(?:\{(\w+)(?::\w+)?\}|([a-zA-Z_]\w*))`)

func checkVariables(t *testing.T, query string, known map[string]bool) {
	t.Helper()
	for _, v := range variable.FindAllStringSubmatch(query, -1) {
		if name := v[1] + v[2]; !known[name] {
			t.Errorf("no variable %s before it is used in\n%s", name, query)
		}
	}
}

func checkQuery(t *testing.T, query string) {
	t.Helper()
	filled := strings.NewReplacer("${cluster_label}", "cluster", "$__range_s", "3600", "$__rate_interval", "1m",
		"$__interval", "1m", "$__range", "1h", "$within", "60", "$objective", "95").Replace(query)
	expr, err := promql.ParseExpr(filled)
	if err != nil {
		t.Errorf("%v in\n%s", err, query)
		return
	}
	// Live series stand once in timestamp() for each time that they stand outside.
	inside, outside := make(map[string]int), make(map[string]int)
	parser.Inspect(expr, func(n parser.Node, path []parser.Node) error {
		s, is := n.(*parser.VectorSelector)
		if !is || !strings.HasPrefix(s.Name, "pulltrace_image_") && !strings.HasPrefix(s.Name, "pulltrace_layer_") {
			return nil
		}
		if call, is := path[len(path)-1].(*parser.Call); is && call.Func.Name == "timestamp" {
			inside[s.String()]++
		} else {
			outside[s.String()]++
		}
		return nil
	})
	if diff := cmp.Diff(inside, outside); diff != "" {
		t.Errorf("live series not asked for by `X and (timestamp(X) > time() - 30)` (-inside +outside timestamp):\n%s\nin\n%s", diff, query)
	}
}
