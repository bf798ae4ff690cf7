package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each test that docs/clients.md names as proof is there.
func TestClientsPageNamesTests(t *testing.T) { namesTests(t, "../../docs/clients.md", "..") }

// The same of docs/faults.md, which names tests of the parts, too.
func TestFaultsPageNamesTests(t *testing.T) {
	namesTests(t, "../../docs/faults.md", "..", "../../collector", "../../cmd")
}

func namesTests(t *testing.T, path string, folders ...string) {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test[A-Za-z]+)`").FindAllStringSubmatch(string(page), -1)
	if len(named) < 20 {
		t.Fatalf("the page names %d tests", len(named))
	}
	there := map[string]bool{}
	for _, folder := range folders {
		err = filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, f := range regexp.MustCompile(`(?m)^func (Test[A-Za-z]+)\(`).FindAllStringSubmatch(string(source), -1) {
				there[f[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range named {
		if !there[n[1]] {
			t.Errorf("there is no test %s", n[1])
		}
	}
}
