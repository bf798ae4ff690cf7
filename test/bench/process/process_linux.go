// Package process reads of the kernel what a process has needed.
package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Sample is what a process has needed up to a time.
type Sample struct {
	At       time.Time
	CPU      time.Duration // of all threads that it has had
	Switches int64         // of context, of the threads that it has
	Resident int64         // bytes
	Peak     int64         // most of them
}

// Read reads the sample of a process that runs.
func Read(pid int) (s Sample, err error) {
	// The clock of the process' CPU time, see clock_getcpuclockid(3): /proc has whole ticks.
	const cpuClock = 2
	var cpu unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|cpuClock), &cpu); err != nil {
		return s, fmt.Errorf("reading the CPU time of process %d: %w", pid, err)
	}
	s.At, s.CPU = time.Now(), time.Duration(cpu.Nano())
	dir := fmt.Sprintf("/proc/%d", pid)
	own, err := readStatus(filepath.Join(dir, "status"))
	if err != nil {
		return s, err
	}
	s.Resident, s.Peak = own["VmRSS"]<<10, own["VmHWM"]<<10
	threads, err := filepath.Glob(dir + "/task/*/status")
	if err != nil {
		return s, err
	}
	for _, path := range threads {
		status, err := readStatus(path)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue // it has just ended
		}
		if err != nil {
			return s, err
		}
		s.Switches += status["voluntary_ctxt_switches"] + status["nonvoluntary_ctxt_switches"]
	}
	return s, nil
}

// readStatus reads the lines that have a number, which may be followed by a unit.
func readStatus(path string) (map[string]int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseStatus(text), nil
}

func parseStatus(text []byte) map[string]int64 {
	values := make(map[string]int64)
	for line := range bytes.Lines(text) {
		name, rest, _ := strings.Cut(string(line), ":")
		number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			values[name] = n
		}
	}
	return values
}
