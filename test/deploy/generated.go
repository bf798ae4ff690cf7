package deploy

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// Generated returns what is made of the chart and stands beside it, and the rules and
// dashboards that it has copies of, by the path in the project.
func Generated(ctx context.Context) (map[string][]byte, error) {
	readme, err := valuesReference(ctx)
	if err != nil {
		return nil, fmt.Errorf("making the reference of the chart's values: %w", err)
	}
	manifests, err := plainManifests(ctx)
	if err != nil {
		return nil, fmt.Errorf("making the plain manifests: %w", err)
	}
	chart, err := ChartDir(ctx)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{
		"deploy/chart/README.md":          readme,
		"deploy/kustomize/pulltrace.yaml": manifests,
	}
	// Helm reads nothing that is outside of the chart.
	from := filepath.Join(chart, "..", "..", "dashboards")
	dashboards, err := filepath.Glob(filepath.Join(from, "*.json"))
	if err != nil {
		return nil, err
	}
	copies := map[string]string{filepath.Join(from, "pulltrace.rules.yaml"): "deploy/chart/pulltrace.rules.yaml"}
	for _, path := range dashboards {
		copies[path] = "deploy/chart/dashboards/" + filepath.Base(path)
	}
	for path, to := range copies {
		if files[to], err = os.ReadFile(path); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// valuesReference is the chart's README, of its README.md.gotmpl and values.yaml.
func valuesReference(ctx context.Context) ([]byte, error) {
	chart, err := ChartDir(ctx)
	if err != nil {
		return nil, err
	}
	bin, err := helmDocs(ctx)
	if err != nil {
		return nil, err
	}
	return run(exec.CommandContext(ctx, bin, "--dry-run", "--sort-values-order=file", "--log-level=warning", "--chart-search-root="+chart))
}

// ofHelm are the labels that are true of a release of Helm only.
var ofHelm = regexp.MustCompile(`(?m)^ *(helm\.sh/chart|app\.kubernetes\.io/managed-by): .*\n`)

// plainManifests is what the chart gives with its default values, for kubectl apply.
func plainManifests(ctx context.Context) ([]byte, error) {
	out, err := Template(ctx)
	if err != nil {
		return nil, err
	}
	return append([]byte("# Made of the chart by `make generate`. Change it by a kustomization of your own.\n"), ofHelm.ReplaceAll(out, nil)...), nil
}
