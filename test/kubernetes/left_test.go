//go:build linux

package kubernetes

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/kubernetes/node"
)

// A node whose test is killed goes, with all of its processes, cgroups and files.
func TestKilledNodeLeavesNothing(t *testing.T) {
	node.Get(t)
	t.Parallel()
	tmp, err := os.MkdirTemp("", "killed-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	cmd := exec.Command("/proc/self/exe", "-test.run=^$")
	cmd.Env = append(node.Outside(), "TMPDIR="+tmp)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "the node to run etcd", func() bool { return strings.Contains(left(tmp), "etcd") })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	waitUntil(t, "nothing to be left", func() bool { return left(tmp) == "" })
}

// left tells what there is of the node that has its files in a folder.
func left(tmp string) string {
	var found []string
	dirs, _ := filepath.Glob(tmp + "/*")
	for _, dir := range dirs {
		cgroups, _ := filepath.Glob("/sys/fs/cgroup/*/" + filepath.Base(dir))
		found = append(found, append(cgroups, dir)...)
	}
	processes, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range processes {
		if cmdline, _ := os.ReadFile(path); strings.Contains(string(cmdline), tmp) {
			found = append(found, strings.ReplaceAll(string(cmdline), "\x00", " "))
		}
	}
	return strings.Join(found, "\n")
}

func waitUntil(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(arrivalLimit); !condition(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waiting for %s in vain", what)
		}
	}
}
