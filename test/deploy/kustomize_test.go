package deploy_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	syaml "sigs.k8s.io/yaml"

	"github.com/pulltrace/pulltrace/test/deploy"
)

// kustomize builds a folder as kubectl apply -k does.
func kustomize(t *testing.T, dir string) []byte {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	out, err := resources.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const kustomizeDir = "../../deploy/kustomize"

// kubectl apply -k brings what helm install does, in a namespace that admits it.
func TestKustomizeIsTheChart(t *testing.T) {
	chart, err := deploy.Template(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want, got := byName(t, chart), byName(t, kustomize(t, kustomizeDir))
	namespace := got["Namespace/pulltrace"]
	if namespace == nil {
		t.Fatal("there is no namespace")
	}
	labels := namespace["metadata"].(map[string]any)["labels"].(map[string]any)
	if labels["pod-security.kubernetes.io/enforce"] != "privileged" {
		t.Errorf("labels of the namespace: %v", labels)
	}
	delete(got, "Namespace/pulltrace")
	for _, object := range want {
		labels := object["metadata"].(map[string]any)["labels"].(map[string]any)
		if labels["app.kubernetes.io/managed-by"] != "Helm" {
			t.Errorf("labels of the chart: %v", labels)
		}
		delete(labels, "app.kubernetes.io/managed-by")
		delete(labels, "helm.sh/chart")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-chart +kustomize):\n%s", diff)
	}
}

// The kustomization that deploy/README.md shows does what it says.
func TestKustomizationOfTheReadme(t *testing.T) {
	readme, err := os.ReadFile("../../deploy/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "```yaml\n# kustomization.yaml\n")
	text, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("deploy/README.md shows no kustomization.yaml")
	}
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "base"), os.DirFS(kustomizeDir)); err != nil {
		t.Fatal(err)
	}
	const remote = "https://github.com/pulltrace/pulltrace//deploy/kustomize"
	if !strings.Contains(text, remote) {
		t.Fatalf("it is not based on %s:\n%s", remote, text)
	}
	local := strings.ReplaceAll(text, remote, "base")
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(local), 0o644); err != nil {
		t.Fatal(err)
	}
	var own [][]byte
	for _, doc := range documents(t, kustomize(t, dir)) {
		if !strings.Contains(string(doc), "kind: Namespace\n") {
			own = append(own, doc)
		}
	}
	m := read(t, bytes.Join(own, []byte("\n---\n")))
	if got := m.value(t, "OTEL_EXPORTER_OTLP_ENDPOINT"); got != "http://otel-collector.observability:4317" {
		t.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT is %q", got)
	}
	if got := m.value(t, "K8S_NODE_NAME"); got != "" || len(m.container(t).Env) != 11 {
		t.Errorf("the variables are now %+v", m.container(t).Env)
	}
	if image := m.container(t).Image; image != "registry.example.com/pulltrace:0.1.0" {
		t.Errorf("the image is %s", image)
	}
}

// byName returns the objects of a file of manifests by kind and name.
func byName(t *testing.T, text []byte) map[string]map[string]any {
	t.Helper()
	objects := map[string]map[string]any{}
	for _, doc := range documents(t, text) {
		var object map[string]any
		if err := syaml.UnmarshalStrict(doc, &object); err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		name := object["metadata"].(map[string]any)["name"].(string)
		objects[object["kind"].(string)+"/"+name] = object
	}
	return objects
}
