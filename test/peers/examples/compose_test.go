package examples

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// stack are the configurations that the compose stack and the kind cluster share, by the
// names of the services that they are for.
var stack = map[string][]string{
	"otelcol":    {"compose/otelcol.yaml"},
	"prometheus": {"compose/prometheus.yml"},
	"tempo":      {"compose/tempo.yaml"},
	"grafana":    {"compose/grafana/datasources.yaml", "compose/grafana/dashboards.yaml"},
}

// checkCompose holds a compose file to its schema, and that there is what it mounts. Each
// host that a configuration names is a service.
func checkCompose(t *testing.T, f file) {
	t.Helper()
	p := loadCompose(t, f.path)
	for _, s := range p.Services {
		checkImage(t, s.Image)
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind {
				exists(t, v.Source)
			}
		}
		for _, path := range stack[s.Name] {
			checkMounted(t, s, filepath.Join(tree, path))
		}
	}
	for _, paths := range stack {
		for _, a := range addresses(t, paths...) {
			if _, err := p.GetService(a.host); err != nil {
				t.Errorf("%v: %v", paths, err)
			}
		}
	}
	for _, a := range addresses(t, f.path) {
		if _, err := p.GetService(a.host); err != nil && a.host != "localhost" {
			t.Error(err)
		}
	}
}

func loadCompose(t *testing.T, path string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(tree, path)}, cli.WithoutEnvironmentResolution)
	if err != nil {
		t.Fatal(err)
	}
	p, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func checkMounted(t *testing.T, s types.ServiceConfig, path string) {
	t.Helper()
	path = abs(t, path)
	if !slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Source == path }) {
		t.Errorf("%s has not %s", s.Name, path)
	}
}

// What a service is told by its arguments to read is mounted there, and so are the rules
// beside the configuration that names them.
func TestComposeReadsWhatIsMounted(t *testing.T) {
	p := loadCompose(t, "compose/compose.yaml")
	for name := range stack {
		s, err := p.GetService(name)
		if err != nil {
			t.Fatal(err)
		}
		targets := make(map[string]bool)
		for _, v := range s.Volumes {
			targets[v.Target] = true
		}
		want := configurations(s.Command)
		if name == "prometheus" {
			want = append(want, "/etc/prometheus/pulltrace.rules.yaml")
		}
		for _, path := range want {
			if !targets[path] {
				t.Errorf("%s is to read %s, which is not mounted", name, path)
			}
		}
	}
}

// configurations are the paths of files in a command's arguments.
func configurations(args []string) (paths []string) {
	for _, arg := range args {
		if _, path, is := strings.Cut(arg, "="); is && strings.Contains(filepath.Base(path), ".y") {
			paths = append(paths, path)
		}
	}
	return paths
}

func abs(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
