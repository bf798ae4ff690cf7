package examples

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/json"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	syaml "sigs.k8s.io/yaml"

	"github.com/pulltrace/pulltrace/test/deploy"
)

// checkCluster holds a configuration of kind to its fields.
func checkCluster(t *testing.T, f file) {
	t.Helper()
	var cluster v1alpha4.Cluster
	strictly(t, f.text, &cluster)
	v1alpha4.SetDefaultsCluster(&cluster)
	if cluster.APIVersion != "kind.x-k8s.io/v1alpha4" || len(cluster.Nodes) < 2 {
		t.Errorf("%+v", cluster)
	}
	for _, n := range cluster.Nodes {
		if n.Role != v1alpha4.ControlPlaneRole && n.Role != v1alpha4.WorkerRole {
			t.Errorf("%+v", n)
		}
	}
}

// manifests are objects of Kubernetes, read strictly: a field that it does not have fails
// the test.
type manifests struct {
	pods     map[string]corev1.PodSpec // of the workloads, by name
	services map[string]corev1.Service
}

func read(t *testing.T, text []byte) manifests {
	t.Helper()
	m := manifests{pods: make(map[string]corev1.PodSpec), services: make(map[string]corev1.Service)}
	for r := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(text))); ; {
		doc := make([]byte, len(text))
		n, err := r.Read(doc)
		if errors.Is(err, io.EOF) {
			return m
		}
		if err != nil {
			t.Fatal(err)
		}
		m.add(t, doc[:n])
	}
}

func (m *manifests) add(t *testing.T, doc []byte) {
	t.Helper()
	decode := func(into any) {
		t.Helper()
		text, err := syaml.YAMLToJSONStrict(doc)
		if err != nil {
			t.Fatal(err)
		}
		faults, err := json.UnmarshalStrict(text, into) // as the API server does, by case too
		if err := errors.Join(append(faults, err)...); err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
	}
	workload := func(name string, selector map[string]string, pod corev1.PodTemplateSpec) {
		t.Helper()
		if diff := cmp.Diff(selector, pod.Labels); len(selector) == 0 || strings.Contains(diff, "\n-") {
			t.Errorf("the pods of %s are not those it selects (-selector +pod):\n%s", name, diff)
		}
		m.pods[name] = pod.Spec
	}
	var head struct {
		Kind string `json:"kind"`
	}
	if err := syaml.Unmarshal(doc, &head); err != nil {
		t.Fatal(err)
	}
	switch head.Kind {
	case "": // comments before the first one
	case "DaemonSet":
		var d appsv1.DaemonSet
		decode(&d)
		workload(d.Name, d.Spec.Selector.MatchLabels, d.Spec.Template)
	case "Deployment":
		var d appsv1.Deployment
		decode(&d)
		workload(d.Name, d.Spec.Selector.MatchLabels, d.Spec.Template)
	case "Service":
		var s corev1.Service
		decode(&s)
		m.services[s.Name] = s
	case "ServiceAccount":
		decode(&corev1.ServiceAccount{})
	case "ClusterRole":
		decode(&rbacv1.ClusterRole{})
	case "ClusterRoleBinding":
		decode(&rbacv1.ClusterRoleBinding{})
	default:
		t.Errorf("there is a %q", head.Kind)
	}
}

func checkManifests(t *testing.T, f file) {
	t.Helper()
	m := read(t, f.text)
	for name, pod := range m.pods {
		for _, c := range pod.Containers {
			checkImage(t, c.Image)
		}
		for _, v := range pod.Volumes {
			if v.ConfigMap == nil {
				t.Errorf("%s has the volume %s, which is no ConfigMap", name, v.Name)
			}
		}
	}
	for name, s := range m.services {
		if _, there := m.pods[name]; !there || !cmp.Equal(s.Spec.Selector, map[string]string{"app": name}) {
			t.Errorf("nothing is behind the service %s", name)
		}
	}
}

// checkValues renders the chart with values. What is sent goes to where they say.
func checkValues(t *testing.T, f file) {
	t.Helper()
	out, err := deploy.Template(t.Context(), "--values="+abs(t, filepath.Join(tree, f.path)))
	if err != nil {
		t.Fatal(err)
	}
	m := read(t, out)
	pod, there := m.pods[deploy.Release]
	if !there {
		t.Fatal("there is no DaemonSet")
	}
	values := f.keys["otlp"].(map[string]any)
	env := pod.Containers[0].Env
	i := slices.IndexFunc(env, func(e corev1.EnvVar) bool { return e.Name == "OTEL_EXPORTER_OTLP_ENDPOINT" })
	if i < 0 || env[i].Value != values["endpoint"] {
		t.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT is not %v", values["endpoint"])
	}
}

// The cluster of kind has what the compose stack has: images, arguments and configurations,
// by the ConfigMaps that its page makes of them, each with the files that are asked for.
func TestKindIsTheComposeStack(t *testing.T) {
	m := read(t, open(t, "kind/observability.yaml").text)
	maps := configMaps(t)
	p := loadCompose(t, "compose/compose.yaml")
	for name := range stack {
		s, err := p.GetService(name)
		if err != nil {
			t.Fatal(err)
		}
		c := m.pods[name].Containers[0]
		if c.Image != s.Image {
			t.Errorf("%s is %s here and %s there", name, c.Image, s.Image)
		}
		if diff := cmp.Diff([]string(s.Command), c.Args); diff != "" {
			t.Errorf("arguments of %s (-compose +kind):\n%s", name, diff)
		}
		env := make(types.MappingWithEquals)
		for _, e := range c.Env {
			env[e.Name] = &e.Value
		}
		if diff := cmp.Diff(s.Environment, env, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("variables of %s (-compose +kind):\n%s", name, diff)
		}
		mounted := make(map[string]string) // path in the container, to the one in the project
		for _, mount := range c.VolumeMounts {
			for key, path := range maps[mount.Name] {
				mounted[filepath.Join(mount.MountPath, key)] = path
			}
		}
		for _, v := range s.Volumes {
			want, _ := filepath.Rel(abs(t, project), v.Source)
			if v.Target == "/etc/pulltrace/dashboards" { // a folder there, a map of its files here
				continue
			}
			if mounted[v.Target] != want {
				t.Errorf("%s reads %s at %s there, and %q here", name, want, v.Target, mounted[v.Target])
			}
		}
	}
	if len(maps["dashboards"]) == 0 {
		t.Error("no ConfigMap has the dashboards")
	}
}

var (
	aConfigMap = regexp.MustCompile(`create configmap (\S+) `)
	fromFile   = regexp.MustCompile(`--from-file=(?:([^\s=]+)=)?(\S+)`)
)

// configMaps are those that the page of kind makes: by name and key, the path of what is in
// them.
func configMaps(t *testing.T) map[string]map[string]string {
	t.Helper()
	all := make(map[string]map[string]string)
	for _, command := range commands(open(t, "kind/README.md")) {
		name := aConfigMap.FindStringSubmatch(command)
		if name == nil {
			continue
		}
		files := make(map[string]string)
		for _, from := range fromFile.FindAllStringSubmatch(command, -1) {
			key, path := from[1], filepath.Clean(from[2])
			if key == "" {
				key = filepath.Base(path)
			}
			files[key] = path
		}
		all[name[1]] = files
	}
	return all
}

// Each address that is named is one of a service, and so is that of the chart's values.
func TestKindHasTheServices(t *testing.T) {
	services := read(t, open(t, "kind/observability.yaml").text).services
	paths := []string{"kind/values.yaml"}
	for _, config := range stack {
		paths = append(paths, config...)
	}
	for _, a := range addresses(t, paths...) {
		ports := services[a.host].Spec.Ports
		if !slices.ContainsFunc(ports, func(p corev1.ServicePort) bool { return a.port == strconv.Itoa(int(p.Port)) }) {
			t.Errorf("nothing serves %s:%s", a.host, a.port)
		}
	}
}
