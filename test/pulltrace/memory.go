package pulltrace

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Memory returns the most memory that the process has had resident, in bytes.
func (p *Process) Memory() int64 {
	p.t.Helper()
	return MemoryOf(p.t, p.PID())
}

// MemoryNow returns how much memory the process has resident now, in bytes.
func (p *Process) MemoryNow() int64 {
	p.t.Helper()
	return status(p.t, p.cmd.Process.Pid, "VmRSS:")
}

// MemoryOf is Memory of any process.
func MemoryOf(t testing.TB, pid int) int64 {
	t.Helper()
	return status(t, pid, "VmHWM:")
}

// status is what the kernel says of a process's memory, in bytes.
func status(t testing.TB, pid int, name string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("the kernel does not tell how much memory a process has")
	return 0
}
