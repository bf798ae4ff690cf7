package buildkit

import (
	"os"
	"os/exec"
	"runtime"
)

// CannotRun says what is missing to build BuildKit and its runc, and to run them; nothing
// where that can be done.
func CannotRun() string {
	if runtime.GOOS != "linux" {
		return "it needs Linux, this is " + runtime.GOOS
	}
	if os.Geteuid() != 0 {
		return "it needs root, for mounts and namespaces"
	}
	for _, tool := range []string{"apt-get", "dpkg-deb", "gcc"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "it needs " + tool
		}
	}
	return ""
}
