package main

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// parsed are the settings that the arguments and the variables make.
func parsed(t *testing.T, args ...string) (settings, *pflag.FlagSet) {
	t.Helper()
	var s settings
	flags := s.flags()
	if err := errors.Join(flags.Parse(args), readVariables(flags)); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return s, flags
}

// Each flag has its variable, with the name that the flag gives it, and wins over it.
func TestEachFlagHasItsVariable(t *testing.T) {
	values := map[string][2]string{ // of the variable, of the flag
		"max-concurrent-downloads": {"7", "8"}, "layer-metrics": {"false", "true"},
		"poll-interval": {"7s", "8s"}, "idle-interval": {"7m0s", "8m0s"}, "stall-threshold": {"7h0m0s", "8h0m0s"},
	}
	new(settings).flags().VisitAll(func(f *pflag.Flag) {
		value, ok := values[f.Name]
		if !ok {
			value = [2]string{"a", "b"}
		}
		name := "PULLTRACE_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		t.Setenv(name, value[0])
		check := func(want string, args ...string) {
			_, flags := parsed(t, args...)
			if got := strings.Trim(flags.Lookup(f.Name).Value.String(), "[]"); got != want { // [] are around a list
				t.Errorf("--%s is %s with %s=%s and %v, want %s", f.Name, got, name, value[0], args, want)
			}
		}
		check(value[0])
		check(value[1], "--"+f.Name+"="+value[1])
		if f.NoOptDefVal == "" { // --layer-metrics alone means true
			check(value[1], "--"+f.Name, value[1])
		}
	})
}

func TestNodeNameHasTwoVariables(t *testing.T) {
	t.Setenv("K8S_NODE_NAME", "k")
	if s, _ := parsed(t); s.node.Name != "k" {
		t.Errorf("the node is %q, want that of K8S_NODE_NAME", s.node.Name)
	}
	t.Setenv("PULLTRACE_NODE_NAME", "p")
	if s, _ := parsed(t); s.node.Name != "p" {
		t.Errorf("the node is %q, want that of PULLTRACE_NODE_NAME", s.node.Name)
	}
	if s, _ := parsed(t, "--node-name="); s.node.Name != "" {
		t.Errorf("the node is %q, want that of the flag, which is empty", s.node.Name)
	}
}

func TestNamespacesAreAList(t *testing.T) {
	if s, _ := parsed(t); len(s.source.Namespaces) != 0 {
		t.Errorf("namespaces %q, want none", s.source.Namespaces)
	}
	t.Setenv("PULLTRACE_CONTAINERD_NAMESPACE", "a,b")
	for want, args := range map[string][]string{
		"a b": nil,
		"c":   {"--containerd-namespace=c"},
		"c d": {"--containerd-namespace=c", "--containerd-namespace", "d"},
	} {
		if s, _ := parsed(t, args...); !slices.Equal(s.source.Namespaces, strings.Fields(want)) {
			t.Errorf("%v: namespaces %q, want %s", args, s.source.Namespaces, want)
		}
	}
}

// An empty variable makes a string empty and layer-metrics false; what can be neither
// stays as it is.
func TestEmptyVariables(t *testing.T) {
	want := []string{"layer-metrics"}
	new(settings).flags().VisitAll(func(f *pflag.Flag) {
		t.Setenv(variables(f.Name)[0], "")
		if f.Value.Type() == "string" && f.DefValue != "" {
			want = append(want, f.Name)
		}
	})
	var got []string
	_, flags := parsed(t)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Value.String() != f.DefValue {
			got = append(got, f.Name)
		}
	})
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) || flags.Lookup("health-address").Value.String() != "" {
		t.Errorf("empty variables change %v, want %v", got, want)
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	for want, args := range map[string][]string{
		"--poll-interval":                {"--poll-interval=0s"},
		"--idle-interval":                {"--idle-interval=-1s"},
		"--stall-threshold":              {"--stall-threshold=0"},
		"--max-concurrent-downloads":     {"--max-concurrent-downloads=0"},
		"--kubernetes must be":           {"--kubernetes=yes"},
		"--node-name":                    {"--kubernetes=on"},
		"kubeconfig /none":               {"--kubeconfig=/none", "--node-name=n1"},
		"--health-address":               {"--health-address=127.0.0.1:http-nonsense"},
		"--log-level":                    {"--log-level=loud"},
		"--log-format":                   {"--log-format=xml"},
		`"often" for "--poll-interval"`:  {"--poll-interval=often"},
		`"x" for "--max-concurrent`:      {"--max-concurrent-downloads", "x"},
		`"no" for "--layer-metrics"`:     {"--layer-metrics=no"},
		"needs an argument: --node-name": {"--node-name"},
		"unknown flag: --nope":           {"--nope", "version"},
		`unknown command "pulls"`:        {"pulls"},
		`unknown command "completion"`:   {"completion", "bash"},
		`unknown command ""`:             {""},
	} {
		err := execute(t.Context(), args, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: error %v, want one line that names %s", args, err, want)
		}
	}
}

func TestWrongVariableIsNamed(t *testing.T) {
	for name, value := range map[string]string{
		"PULLTRACE_POLL_INTERVAL": "often", "PULLTRACE_MAX_CONCURRENT_DOWNLOADS": "x", "PULLTRACE_LAYER_METRICS": "no",
	} {
		t.Setenv(name, value)
		err := execute(t.Context(), nil, io.Discard)
		if err == nil || !strings.HasPrefix(err.Error(), name+": ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v, want one line that names %s", err, name)
		}
		if err := execute(t.Context(), []string{"--help"}, io.Discard); err != nil {
			t.Errorf("no help with %s=%s: %v", name, value, err)
		}
		t.Setenv(name, "")
	}
}

func TestNodeName(t *testing.T) {
	s := settings{}
	s.collector.PollInterval, s.collector.IdleInterval, s.collector.StallThreshold = 1, 1, 1
	s.source.MaxConcurrentDownloads = 3
	s.kubernetes.mode = kubernetesOff
	if err := s.complete(); err != nil || s.node.Name == "" || s.node.Kubernetes {
		t.Errorf("without a name: %+v, %v; want the host's, as a host", s.node, err)
	}
	s.node.Name = "n1"
	if err := s.complete(); err != nil || !s.node.Kubernetes {
		t.Errorf("with a name: %+v, %v; want a Kubernetes node", s.node, err)
	}
}

func TestVersion(t *testing.T) {
	var out bytes.Buffer
	if err := execute(t.Context(), []string{"version"}, &out); err != nil || !strings.HasPrefix(out.String(), "pulltrace ") {
		t.Errorf("version printed %q, %v", out.String(), err)
	}
}
