//go:build linux

package bench

import (
	"context"
	"os"
	"runtime"
	"strings"

	"github.com/pulltrace/pulltrace/test/internal/gobuild"
)

// build builds the bare loop into a folder.
func build(ctx context.Context, dir string) error {
	return gobuild.Build(ctx, "", dir, []string{"-ldflags", "-s -w"}, "github.com/pulltrace/pulltrace/test/bench/loop")
}

// load is the load of the machine over the last minute.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "not known"
	}
	return strings.Fields(string(text))[0]
}

// processor is what the processors of this machine call themselves.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, found := strings.CutPrefix(line, "model name\t: "); found {
			return strings.TrimSpace(name)
		}
	}
	return runtime.GOARCH
}
