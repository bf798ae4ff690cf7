package telemetry

import (
	"bytes"
	"os"
	"strconv"
)

// residentMemory is how much physical memory the process uses, in bytes. It is
// not known where the kernel is not Linux.
func residentMemory() (n int64, known bool) {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	fields := bytes.Fields(statm) // in pages: size, resident, …
	if len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize()), err == nil
}
