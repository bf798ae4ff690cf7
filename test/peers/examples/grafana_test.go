package examples

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/pulltrace/pulltrace/test/conventions"
)

// The fields that are used of Grafana's provisioning files, by the names in its
// documentation.
type (
	dataSources struct {
		APIVersion  int `yaml:"apiVersion"`
		DataSources []struct {
			Name, Type, UID, URL, Access string
			IsDefault                    bool      `yaml:"isDefault"`
			Settings                     yaml.Node `yaml:"jsonData"`
		} `yaml:"datasources"`
	}
	prometheusSettings struct {
		TimeInterval string `yaml:"timeInterval"`
		Exemplars    []struct {
			Name       string
			DataSource string `yaml:"datasourceUid"`
		} `yaml:"exemplarTraceIdDestinations"`
	}
	tempoSettings struct {
		Metrics struct {
			DataSource string                         `yaml:"datasourceUid"`
			Start      string                         `yaml:"spanStartTimeShift"`
			End        string                         `yaml:"spanEndTimeShift"`
			Tags       []struct{ Key, Value string }  `yaml:"tags"`
			Queries    []struct{ Name, Query string } `yaml:"queries"`
		} `yaml:"tracesToMetrics"`
	}
	dashboards struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Folder, Type string
			Options            struct{ Path string }
		}
	}
)

// sources reads the data sources, and their settings.
func sources(t *testing.T, f file) (uids map[string]string, p prometheusSettings, tempo tempoSettings) {
	t.Helper()
	var all dataSources
	strictly(t, f.text, &all)
	uids = make(map[string]string)
	for _, d := range all.DataSources {
		if uids[d.UID] != "" || d.UID == "" || d.Access != "proxy" {
			t.Errorf("%+v", d)
		}
		uids[d.UID] = d.Type
		settings, err := yaml.Marshal(&d.Settings)
		if err != nil {
			t.Fatal(err)
		}
		switch d.Type {
		case "prometheus":
			strictly(t, settings, &p)
		case "tempo":
			strictly(t, settings, &tempo)
		default:
			t.Errorf("%s is a %s", d.Name, d.Type)
		}
	}
	return uids, p, tempo
}

// checkDataSources holds that data sources lead to each other: by the label that exemplars
// have, and by attributes and labels that Pulltrace declares.
func checkDataSources(t *testing.T, f file) {
	t.Helper()
	uids, p, tempo := sources(t, f)
	if len(p.Exemplars) != 1 || p.Exemplars[0].Name != "trace_id" || uids[p.Exemplars[0].DataSource] != "tempo" {
		t.Errorf("exemplars lead to %+v", p.Exemplars)
	}
	if uids[tempo.Metrics.DataSource] != "prometheus" || len(tempo.Metrics.Queries) == 0 {
		t.Errorf("traces lead to %+v", tempo.Metrics)
	}
	declared := attributes(t)
	for _, tag := range tempo.Metrics.Tags {
		if !declared[tag.Key] || tag.Value != strings.ReplaceAll(tag.Key, ".", "_") {
			t.Errorf("no series has %s as %s", tag.Key, tag.Value)
		}
	}
}

// attributes are those that metrics have.
func attributes(t *testing.T) map[string]bool {
	t.Helper()
	registry, err := conventions.Load()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]bool)
	for _, m := range registry.Metrics() {
		for key := range m.Attributes {
			all[key] = true
		}
	}
	return all
}

// checkDashboards holds that the dashboards come from where the compose file has put them,
// and that they ask the data sources that there are.
func checkDashboards(t *testing.T, f file) {
	t.Helper()
	var d dashboards
	strictly(t, f.text, &d)
	if len(d.Providers) != 1 || d.Providers[0].Type != "file" {
		t.Fatalf("%+v", d)
	}
	grafana, err := loadCompose(t, "compose/compose.yaml").GetService("grafana")
	if err != nil {
		t.Fatal(err)
	}
	folder := ""
	for _, v := range grafana.Volumes {
		if v.Target == d.Providers[0].Options.Path {
			folder = v.Source
		}
	}
	if want, _ := filepath.Abs(filepath.Join(project, "dashboards")); folder != want {
		t.Errorf("the dashboards are read from %q", folder)
	}
	if home := *grafana.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]; filepath.Dir(home) != d.Providers[0].Options.Path {
		t.Errorf("the first dashboard is %s", home)
	} else {
		exists(t, filepath.Join(folder, filepath.Base(home)))
	}
	uids, _, _ := sources(t, open(t, "compose/grafana/datasources.yaml"))
	paths, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var board any
		if err := json.Unmarshal(text, &board); err != nil {
			t.Fatal(err)
		}
		for _, uid := range slices.Compact(slices.Sorted(slices.Values(asked(board)))) {
			if uids[uid] == "" && !strings.HasPrefix(uid, "$") && !strings.HasPrefix(uid, "-- ") && uid != "grafana" {
				t.Errorf("%s asks the data source %q, which is not there", filepath.Base(path), uid)
			}
		}
	}
}

// asked are the uids of the data sources that a part of a dashboard asks.
func asked(part any) (uids []string) {
	switch part := part.(type) {
	case []any:
		for _, below := range part {
			uids = append(uids, asked(below)...)
		}
	case map[string]any:
		for key, below := range part {
			if source, is := below.(map[string]any); is && key == "datasource" {
				if uid, has := source["uid"].(string); has {
					uids = append(uids, uid)
				}
			}
			uids = append(uids, asked(below)...)
		}
	}
	return uids
}
