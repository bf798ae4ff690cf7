package image

import (
	"os"
	"os/exec"
	"testing"

	"github.com/pulltrace/pulltrace/test/deploy/buildkit"
)

// Require skips the test where the image cannot be built. In CI nothing may be
// skipped, so there it fails instead.
func Require(t testing.TB) {
	t.Helper()
	reason := CannotBuild()
	switch {
	case reason == "":
	case os.Getenv("CI") == "true":
		t.Fatalf("the image cannot be built here: %s", reason)
	default:
		t.Skipf("the image cannot be built here: %s", reason)
	}
}

// CannotBuild says what is missing to build the image; nothing where it can be built.
func CannotBuild() string {
	if reason := buildkit.CannotRun(); reason != "" {
		return reason
	}
	if _, err := exec.LookPath("git"); err != nil {
		return "it needs git"
	}
	return ""
}
