package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// link finds the links of a page, but for those to other sites and within it.
	link = regexp.MustCompile(`\]\(([^):#]+)(?:#[^)]*)?\)`)
	// argument finds the paths in a command, which is given at the root of the project.
	argument = regexp.MustCompile(`(?:deploy|examples|dashboards)/[\w./-]*`)
)

// checkPage holds that there is what a page points to.
func checkPage(t *testing.T, f file) {
	t.Helper()
	for _, to := range link.FindAllStringSubmatch(string(f.text), -1) {
		exists(t, filepath.Join(tree, filepath.Dir(f.path), to[1]))
	}
	for _, command := range commands(f) {
		for _, path := range argument.FindAllString(command, -1) {
			exists(t, filepath.Join(project, path))
		}
	}
}

// commands are the commands of a page, each in one line.
func commands(f file) (all []string) {
	text := strings.ReplaceAll(string(f.text), "\\\n", " ")
	for line := range strings.Lines(text) {
		if command, is := strings.CutPrefix(line, "    "); is {
			all = append(all, strings.TrimSpace(command))
		}
	}
	return all
}

func exists(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
