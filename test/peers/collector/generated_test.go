package collector_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What is in otelcol is what the Collector builder makes of builder.yaml.
func TestGenerated(t *testing.T) {
	config, err := os.ReadFile("otelcol/builder.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const output = "output_path: otelcol\n"
	if !bytes.Contains(config, []byte(output)) {
		t.Fatal("builder.yaml does not say where its output goes")
	}
	dir := t.TempDir()
	config = bytes.Replace(config, []byte(output), []byte("output_path: "+dir+"\n"), 1)
	path := filepath.Join(dir, "builder.yaml")
	if err := os.WriteFile(path, config, 0o644); err != nil {
		t.Fatal(err)
	}
	generate := exec.Command("go", "run", builder(t), "--skip-compilation", "--skip-get-modules", "--config="+path)
	if out, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", generate.Args, err, out)
	}
	sources, err := filepath.Glob(dir + "/*.go")
	if err != nil || len(sources) == 0 {
		t.Fatalf("the builder has made %d files: %v", len(sources), err)
	}
	for _, source := range sources {
		name := filepath.Base(source)
		want, _ := os.ReadFile(source)
		got, _ := os.ReadFile(filepath.Join("otelcol", name))
		if !bytes.Equal(got, want) {
			t.Errorf("otelcol/%s is not what the builder makes; run go generate in test/peers/collector", name)
		}
	}
	module, _ := os.ReadFile("otelcol/go.mod")
	for line := range strings.Lines(string(config)) {
		if _, pinned, ok := strings.Cut(line, "gomod: "); ok && !strings.Contains(string(module), strings.TrimSpace(pinned)) {
			t.Errorf("otelcol/go.mod has not %s", pinned)
		}
	}
}

// builder is the builder that the package is generated with.
func builder(t *testing.T) string {
	t.Helper()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, directive, _ := strings.Cut(string(doc), "//go:generate go run ")
	return strings.Fields(directive)[0]
}
