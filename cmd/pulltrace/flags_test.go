package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/urfave/cli/v3"
)

// Each flag has its variable, with the name that the flag gives it.
func TestEachFlagHasItsVariable(t *testing.T) {
	for _, f := range command().Flags {
		name := f.Names()[0]
		want := "PULLTRACE_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		if got := f.(cli.DocGenerationFlag).GetEnvVars(); len(got) == 0 || got[0] != want {
			t.Errorf("--%s reads %v, want %s first", name, got, want)
		}
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	for want, args := range map[string][]string{
		"--poll-interval":            {"--poll-interval=0s"},
		"--idle-interval":            {"--idle-interval=-1s"},
		"--stall-threshold":          {"--stall-threshold=0"},
		"--max-concurrent-downloads": {"--max-concurrent-downloads=0"},
		"--kubernetes must be":       {"--kubernetes=yes"},
		"--node-name":                {"--kubernetes=on"},
		"kubeconfig /none":           {"--kubeconfig=/none", "--node-name=n1"},
		"--health-address":           {"--health-address=127.0.0.1:http-nonsense"},
		"--log-level":                {"--log-level=loud"},
		"--log-format":               {"--log-format=xml"},
		"poll-interval":              {"--poll-interval=often"},
		"unknown command":            {"pulls"},
	} {
		c := command()
		c.Writer, c.ErrWriter = &bytes.Buffer{}, &bytes.Buffer{}
		if err := c.Run(t.Context(), append([]string{"pulltrace"}, args...)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want one that names %s", args, err, want)
		}
	}
}

func TestWrongVariableIsNamed(t *testing.T) {
	t.Setenv("PULLTRACE_POLL_INTERVAL", "often")
	c := command()
	c.Writer, c.ErrWriter = &bytes.Buffer{}, &bytes.Buffer{}
	if err := c.Run(t.Context(), []string{"pulltrace"}); err == nil || !strings.Contains(err.Error(), "PULLTRACE_POLL_INTERVAL") {
		t.Errorf("error %v, want one that names the variable", err)
	}
}

// The variables that the help names are read: none of them takes a mere comma.
func TestHelpNamesVariablesThatWork(t *testing.T) {
	names := regexp.MustCompile(`(?m)^  (OTEL_[A-Z_]+) `).FindAllStringSubmatch(description, -1)
	if len(names) < 10 {
		t.Errorf("the help names %d variables", len(names))
	}
	for _, name := range names {
		t.Setenv(name[1], ",")
	}
	c := command()
	c.Writer, c.ErrWriter = &bytes.Buffer{}, &bytes.Buffer{}
	err := c.Run(t.Context(), []string{"pulltrace"})
	for _, name := range names {
		if err == nil || !strings.Contains(err.Error(), name[1]+" must be") {
			t.Errorf("%s is not read: %v", name[1], err)
		}
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
	c := command()
	c.Writer = &out
	if err := c.Run(t.Context(), []string{"pulltrace", "version"}); err != nil || !strings.HasPrefix(out.String(), "pulltrace ") {
		t.Errorf("version printed %q, %v", out.String(), err)
	}
}
