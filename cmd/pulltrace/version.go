package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// buildVersion is the module version that Go built, or "(devel)".
func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return cmp.Or(info.Main.Version, "(devel)")
	}
	return "(devel)"
}

// buildInfo is one line on what was built, of what, and for what.
func buildInfo() string {
	revision := "unknown revision"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	return fmt.Sprintf("pulltrace %s (%s, %s, %s/%s)", buildVersion(), revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
