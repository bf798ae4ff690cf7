package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/pulltrace/pulltrace/test/peers/collector"
	"github.com/pulltrace/pulltrace/test/peers/prometheus"
)

// checkCollector has the Collector look at a configuration of its own.
func checkCollector(t *testing.T, f file) {
	t.Helper()
	path, err := collector.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "validate", "--config=file:"+filepath.Join(tree, f.path))
	cmd.Env = []string{"VENDOR_TOKEN=secret"}
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("otelcol validate: %v\n%s", err, out)
	}
}

// checkPrometheus has promtool look at a configuration, which has the rules beside it.
func checkPrometheus(t *testing.T, f file) {
	t.Helper()
	dir := t.TempDir()
	rules, err := filepath.Glob(filepath.Join(project, "dashboards", "*.rules.yaml"))
	if err != nil || len(rules) == 0 {
		t.Fatalf("no rules: %v", err)
	}
	for _, path := range append(rules, filepath.Join(tree, f.path)) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	promtool(t, "check", "config", "--lint=all", "--lint-fatal", filepath.Join(dir, filepath.Base(f.path)))
}

func promtool(t *testing.T, args ...string) {
	t.Helper()
	bin, err := prometheus.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), filepath.Join(bin, "promtool"), args...).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

// tempo is what of Tempo's configuration is used.
type tempo struct {
	Server struct {
		Port int `yaml:"http_listen_port"`
	}
	Distributor struct {
		Receivers struct {
			OTLP struct {
				Protocols struct {
					GRPC struct{ Endpoint string }
				}
			}
		}
	}
	Storage struct {
		Trace struct {
			Backend    string
			WAL, Local struct{ Path string }
		}
	}
	UsageReport struct {
		Enabled bool `yaml:"reporting_enabled"`
	} `yaml:"usage_report"`
}

// checkTempo holds that no field has another name than those that Tempo was run with: it
// is not built here.
func checkTempo(t *testing.T, f file) {
	t.Helper()
	var config tempo
	strictly(t, f.text, &config)
	if config.Server.Port == 0 || config.Distributor.Receivers.OTLP.Protocols.GRPC.Endpoint == "" {
		t.Errorf("does not say where it listens: %+v", config)
	}
}

// pinned is an image whose tag is a version.
var pinned = regexp.MustCompile(`^[\w./-]+:v?\d+\.\d+\.\d+$`)

func checkImage(t *testing.T, image string) {
	t.Helper()
	if !pinned.MatchString(image) && image != "pulltrace:dev" {
		t.Errorf("the image %s has no version", image)
	}
}

// address is where a service listens.
type address struct{ host, port string }

var anAddress = regexp.MustCompile(`\b([a-z]+)(?:\.observability)?:(\d{4})\b`)

// addresses are those that are named in files of the tree.
func addresses(t *testing.T, paths ...string) (all []address) {
	t.Helper()
	for _, path := range paths {
		for _, found := range anAddress.FindAllSubmatch(open(t, path).text, -1) {
			if a := (address{string(found[1]), string(found[2])}); !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
	}
	return all
}
