//go:build linux

package node

import (
	"os"
	"path/filepath"
	"time"
)

const cgroups = "/sys/fs/cgroup"

// cgroupRoot is the cgroup that the kubelet makes those of the pods in. Each run has
// one of its own name.
func cgroupRoot(dir string) string { return "/" + filepath.Base(dir) }

// cgroupDirs are the folders of that cgroup: one, or one in each hierarchy of the
// first version of cgroups.
func cgroupDirs(dir string) []string {
	if _, err := os.Stat(cgroups + "/cgroup.controllers"); err == nil {
		return []string{cgroups + cgroupRoot(dir)}
	}
	var dirs []string
	hierarchies, _ := filepath.Glob(cgroups + "/*/cgroup.procs")
	for _, procs := range hierarchies {
		dirs = append(dirs, filepath.Dir(procs)+cgroupRoot(dir))
	}
	return dirs
}

func makeCgroups(dir string) error {
	for _, cgroup := range cgroupDirs(dir) {
		if err := os.MkdirAll(cgroup, 0o755); err != nil {
			return err
		}
		// A new cpuset has no processors and takes no process.
		for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
			all, err := os.ReadFile(filepath.Join(filepath.Dir(cgroup), name))
			if err != nil || filepath.Base(filepath.Dir(cgroup)) != "cpuset" {
				continue
			}
			if err := os.WriteFile(filepath.Join(cgroup, name), all, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeCgroups removes the cgroup and those below it, as soon as the kernel is done
// with the processes that were in them.
func removeCgroups(dir string) {
	for range 50 {
		left := 0
		for _, cgroup := range cgroupDirs(dir) {
			left += removeTree(cgroup)
		}
		if left == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// removeTree removes a cgroup, and returns how many of it and those below it are left.
func removeTree(cgroup string) (left int) {
	entries, _ := os.ReadDir(cgroup)
	for _, e := range entries {
		if e.IsDir() {
			left += removeTree(filepath.Join(cgroup, e.Name()))
		}
	}
	if err := os.Remove(cgroup); err != nil && !os.IsNotExist(err) {
		left++
	}
	return left
}

// cleanUp ends what still runs in the namespaces, and removes what it left: mounts go
// with the namespace, but those below dir are in the way of its removal.
func cleanUp(dir string) {
	killAll()
	removeCgroups(dir)
	unmountBelow(dir)
	os.RemoveAll(dir)
}
