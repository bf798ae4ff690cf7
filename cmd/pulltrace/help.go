package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// help is what `pulltrace --help` prints, narrow enough for a terminal beside
// another one. No template makes it, for the sake of the binary: see maxBinary.
func help(flags *pflag.FlagSet) string {
	var page strings.Builder
	page.WriteString(description)
	flags.VisitAll(func(f *pflag.Flag) {
		kind, value := f.Value.Type(), f.DefValue
		switch {
		case kind == "stringSlice":
			kind, value = "string", "" // one string each time, none at first
		case kind == "string" && value != "":
			value = fmt.Sprintf("%q", value)
		}
		fmt.Fprintf(&page, "\n  --%s %s ", f.Name, kind)
		for _, v := range variables(f.Name) {
			page.WriteString(" $" + v)
		}
		page.WriteString("\n      " + f.Usage)
		if value != "" {
			fmt.Fprintf(&page, " (default: %s)", value)
		}
		page.WriteString("\n")
	})
	return page.String()
}

const description = `pulltrace: tell what this node pulls, whether it moves, and where the time went

Pulltrace watches the image pulls of this node in containerd, from outside and
reading only, and exports each one by OTLP: gauges while it runs, histograms and
one trace when it ends.

It needs containerd's socket, which mostly means root:

  sudo pulltrace

Everything about exporting is set by OpenTelemetry's own variables, among them:

  OTEL_EXPORTER_OTLP_ENDPOINT     where to send to (http://localhost:4317)
  OTEL_EXPORTER_OTLP_PROTOCOL     grpc (default) or http/protobuf
  OTEL_EXPORTER_OTLP_HEADERS      what to send along, like a token
  OTEL_EXPORTER_OTLP_CERTIFICATE  file with the CA of an https:// endpoint
  OTEL_METRICS_EXPORTER           otlp (default), prometheus, console, none
  OTEL_TRACES_EXPORTER            otlp (default), console, none
  OTEL_LOGS_EXPORTER              none (default), otlp, console
  OTEL_METRIC_EXPORT_INTERVAL     in milliseconds (10000)
  OTEL_RESOURCE_ATTRIBUTES        like k8s.cluster.name=prod
  OTEL_CONFIG_FILE                a file that says all of it instead

To see what it sees without a backend:

  sudo OTEL_METRICS_EXPORTER=none OTEL_TRACES_EXPORTER=console pulltrace

Usage:
  pulltrace [flags]
  pulltrace version

Flags, and the variable of each:
`
