package main

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// The help tells of each flag its kind, its variables, what it is for and what
// holds without it, whatever the variables say.
func TestHelp(t *testing.T) {
	t.Setenv("PULLTRACE_STALL_THRESHOLD", "5m")
	pages := map[string]bool{}
	for _, args := range [][]string{{"--log-level=debug", "--help"}, {"-h"}, {"version", "--help"}, {"help"}} {
		var out bytes.Buffer
		if err := execute(t.Context(), args, &out); err != nil {
			t.Errorf("%v: %v", args, err)
		}
		pages[out.String()] = true
	}
	if len(pages) != 1 {
		t.Fatalf("%d pages of help, want one", len(pages))
	}
	for page := range pages {
		for _, want := range []string{`
Usage:
  pulltrace [flags]
  pulltrace version

Flags, and the variable of each:

  --containerd-address string  $PULLTRACE_CONTAINERD_ADDRESS
      unix socket of containerd; it may come later (default: "/run/containerd/containerd.sock")

  --containerd-namespace string  $PULLTRACE_CONTAINERD_NAMESPACE
      containerd namespace to watch, may be repeated; all when left out

  --max-concurrent-downloads int  $PULLTRACE_MAX_CONCURRENT_DOWNLOADS
`, `
  --stall-threshold duration  $PULLTRACE_STALL_THRESHOLD
      how long a pull may stand still before it is stalled (default: 1m0s)

  --layer-metrics bool  $PULLTRACE_LAYER_METRICS
      export series of each layer that is fetched, too (default: true)

  --node-name string  $PULLTRACE_NODE_NAME $K8S_NODE_NAME
      name of the Kubernetes node; the host name, as a host, when left out

`, `(default: "info")

  --log-format string  $PULLTRACE_LOG_FORMAT
      text or json (default: "text")
`} {
			if !strings.Contains(page, want) {
				t.Errorf("the help lacks%sit is\n%s", want, page)
			}
		}
		new(settings).flags().VisitAll(func(f *pflag.Flag) {
			if !strings.Contains(page, "\n  --"+f.Name+" ") {
				t.Errorf("the help lacks --%s", f.Name)
			}
		})
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
	err := execute(t.Context(), nil, io.Discard)
	for _, name := range names {
		if err == nil || !strings.Contains(err.Error(), name[1]+" must be") {
			t.Errorf("%s is not read: %v", name[1], err)
		}
	}
}
