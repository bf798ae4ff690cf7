//go:build linux

package soak

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// sample is what the process uses after a round, when nothing happens.
type sample struct {
	round       int
	resident    int64 // bytes
	threads     int
	descriptors int
}

func (s sample) String() string {
	return fmt.Sprintf("round %4d: %5.1f MiB resident, %3d threads, %3d descriptors", s.round, float64(s.resident)/(1<<20), s.threads, s.descriptors)
}

const (
	// warmUp is how many rounds do not count: caches fill, and the heap finds its size.
	warmUp = 2
	// What may be more at the end than after the warm-up. Go's heap is as large as the garbage
	// of a busy moment.
	moreResident    = 12 << 20
	moreThreads     = 4
	moreDescriptors = 3
)

// measure notes what the process uses now.
func (w *watcher) measure(round int) {
	w.Helper()
	pid := w.process.PID()
	s := sample{round: round, resident: w.status("VmRSS") << 10, threads: int(w.status("Threads"))}
	open, err := os.ReadDir(filepath.Join("/proc", fmt.Sprint(pid), "fd"))
	if err != nil {
		w.Fatal(err)
	}
	s.descriptors = len(open)
	w.samples = append(w.samples, s)
	w.Log(s)
}

// status is a number in the process's status file.
func (w *watcher) status(key string) int64 {
	w.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.process.PID()))
	if err != nil {
		w.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); fields[0] == key+":" {
			value, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				w.Fatal(err)
			}
			return value
		}
	}
	w.Fatalf("the kernel does not tell %s", key)
	return 0
}

// checkFlat compares what the process uses at the end with what it used after the warm-up.
func (w *watcher) checkFlat() {
	w.Helper()
	if len(w.samples) <= warmUp {
		w.Logf("%d rounds are too few to compare what pulltrace uses", len(w.samples))
		return
	}
	first, last := w.samples[warmUp-1], w.samples[len(w.samples)-1]
	if last.resident-first.resident > moreResident || last.threads-first.threads > moreThreads || last.descriptors-first.descriptors > moreDescriptors {
		w.Errorf("pulltrace uses more than after the warm-up:\n%s\n%s", first, last)
	}
}
