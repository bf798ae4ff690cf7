package examples

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// Where things are, seen from this folder.
const (
	project = "../../.."
	tree    = project + "/examples"
)

// file is a file of an example.
type file struct {
	path string // from the tree on
	text []byte
	keys map[string]any // at the top of its first document, of YAML
}

func (f file) has(keys ...string) bool {
	for _, key := range keys {
		if _, has := f.keys[key]; !has {
			return false
		}
	}
	return true
}

// kind is what a file may be.
type kind struct {
	name  string
	is    func(file) bool
	check func(*testing.T, file)
}

var kinds = []kind{
	{"page", func(f file) bool { return filepath.Ext(f.path) == ".md" }, checkPage},
	{"collector", func(f file) bool { return f.has("receivers", "service") }, checkCollector},
	{"prometheus", func(f file) bool { return filepath.Base(f.path) == "prometheus.yml" }, checkPrometheus},
	{"tempo", func(f file) bool { return f.has("distributor", "storage") }, checkTempo},
	{"compose", func(f file) bool { return f.has("services") }, checkCompose},
	{"datasources", func(f file) bool { return f.has("datasources") }, checkDataSources},
	{"dashboards", func(f file) bool { return f.has("providers") }, checkDashboards},
	{"cluster", func(f file) bool { return f.keys["kind"] == "Cluster" }, checkCluster},
	{"manifests", func(f file) bool { return f.has("metadata", "kind") }, checkManifests},
	{"values", func(f file) bool { return filepath.Base(f.path) == "values.yaml" }, checkValues},
}

func TestEachFile(t *testing.T) {
	seen := make(map[string]bool)
	for _, f := range files(t) {
		t.Run(f.path, func(t *testing.T) {
			var is []string
			for _, k := range kinds {
				if k.is(f) {
					is = append(is, k.name)
					k.check(t, f)
				}
			}
			if len(is) != 1 {
				t.Errorf("is known as %q", is)
			}
			for _, name := range is {
				seen[name] = true
			}
		})
	}
	for _, k := range kinds {
		if !seen[k.name] {
			t.Errorf("there is nothing that is known as %q", k.name)
		}
	}
}

// files are the files of all examples but Go modules, which have tests of their own.
func files(t *testing.T) (all []file) {
	t.Helper()
	err := filepath.WalkDir(tree, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
				return filepath.SkipDir
			}
			return nil
		}
		all = append(all, open(t, strings.TrimPrefix(path, tree+"/")))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// open reads a file of the tree.
func open(t *testing.T, path string) file {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(tree, path))
	if err != nil {
		t.Fatal(err)
	}
	f := file{path: path, text: text}
	if ext := filepath.Ext(path); ext == ".yaml" || ext == ".yml" {
		if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&f.keys); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	return f
}

// strictly reads a YAML document, which may have no field that into has not.
func strictly(t *testing.T, text []byte, into any) {
	t.Helper()
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
}
