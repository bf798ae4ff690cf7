// Command grafana writes the dashboards, dashboards/pulltrace-*.json. `make generate`
// runs it.
//
// A file of this folder is a dashboard, or what all of them are made of: names.go has
// the names in Prometheus, query.go and recorded.go what is asked, variables.go,
// panels.go and links.go what is shown and where it leads.
//
// It is a module of its own, so that what it needs stays out of the binary's.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// Where things are, seen from this folder.
const (
	rulesFile = "../pulltrace.rules.yaml"
	outDir    = ".."
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "grafana:", err)
		os.Exit(1)
	}
}

func run() error {
	files, err := generate()
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(outDir, name), text, 0o644); err != nil { //nolint:gosec // for all to read
			return err
		}
	}
	return nil
}

// generate returns the dashboards by the names of their files.
func generate() (map[string][]byte, error) {
	rules, err := readRules(rulesFile)
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte)
	for _, b := range []*dashboard.DashboardBuilder{now(rules), history(rules), itself()} {
		d, err := b.Build()
		if err != nil {
			return nil, err
		}
		identify(&d)
		text, err := json.MarshalIndent(d, "", "  ")
		if err != nil {
			return nil, err
		}
		files[*d.Uid+".json"] = append(text, '\n')
	}
	return files, nil
}

// identify gives panels the identities that links to them go by.
func identify(d *dashboard.Dashboard) {
	for i, p := range d.Panels {
		id := uint32(i) + 1
		if p.Panel != nil {
			p.Panel.Id = &id
		} else {
			p.RowPanel.Id = id
		}
	}
}
