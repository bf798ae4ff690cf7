package image

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
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
	if runtime.GOOS != "linux" {
		return "it needs Linux, this is " + runtime.GOOS
	}
	if os.Geteuid() != 0 {
		return "it needs root, for mounts and namespaces"
	}
	for _, tool := range []string{"apt-get", "dpkg-deb", "git", "gcc"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "it needs " + tool
		}
	}
	return ""
}
