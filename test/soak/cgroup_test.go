//go:build linux

package soak

import (
	"fmt"
	"os"
	"path/filepath"
)

const cgroups = "/sys/fs/cgroup"

// cgroup holds a process to a part of a processor.
type cgroup struct {
	dir     string
	limit   string // file that has the limit
	none    string // what stands in it without one
	tightly string // and with one
}

// limitCPU puts the process into a cgroup of its own, without a limit.
func (w *watcher) limitCPU() {
	w.Helper()
	name := fmt.Sprintf("pulltrace-soak-%d", os.Getpid())
	c := cgroup{dir: filepath.Join(cgroups, "cpu", name), limit: "cpu.cfs_quota_us", none: "-1", tightly: "5000"}
	if _, err := os.Stat(filepath.Join(cgroups, "cgroup.controllers")); err == nil { // the second version of cgroups
		c = cgroup{dir: filepath.Join(cgroups, name), limit: "cpu.max", none: "max 100000", tightly: "5000 100000"}
		// It may be on already; if it is not there, the limit cannot be written.
		_ = os.WriteFile(filepath.Join(cgroups, "cgroup.subtree_control"), []byte("+cpu"), 0o644)
	}
	if err := os.Mkdir(c.dir, 0o755); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		w.process.Stop() // or the cgroup cannot be removed
		if err := os.Remove(c.dir); err != nil {
			w.Error(err)
		}
	})
	c.write(w, "cgroup.procs", fmt.Sprint(w.process.PID()))
	c.release(w)
	w.cgroup = c
}

// throttle leaves the process a twentieth of a processor.
func (c cgroup) throttle(w *watcher) { c.write(w, c.limit, c.tightly) }

func (c cgroup) release(w *watcher) { c.write(w, c.limit, c.none) }

func (c cgroup) write(w *watcher, name, value string) {
	w.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(value), 0o644); err != nil {
		w.Fatalf("limiting the processor time of pulltrace: %v", err)
	}
}
