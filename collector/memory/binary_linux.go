package memory

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// unmapBinary takes the pages of the binary out of the process, and leaves them to the
// kernel's page cache. The kernel maps 16 pages where one is read, so that after the start
// nearly all of the binary counts as resident, 19 MB, while within a minute 4 MB of it are
// used. What is used is mapped again when it is read, from the cache as long as it is
// there, 9 to 11 MB at rest.
//
// Only mappings that nobody can write to are touched: they have nothing that is not in
// the file.
func unmapBinary() {
	binary, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(maps)) {
		if from, to, ok := mapping(line, binary); ok {
			// An error leaves the pages where they are.
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, from, to-from, syscall.MADV_DONTNEED)
		}
	}
}

// mapping parses a line of /proc/PID/maps. It is ok if it is one of the file that
// cannot be written to.
func mapping(line, file string) (from, to uintptr, ok bool) {
	// address perms offset dev inode path
	fields := strings.Fields(line)
	if len(fields) < 6 || !strings.HasSuffix(strings.TrimSuffix(line, "\n"), " "+file) || fields[1] != "r-xp" && fields[1] != "r--p" {
		return 0, 0, false
	}
	begin, end, _ := strings.Cut(fields[0], "-")
	low, err := strconv.ParseUint(begin, 16, 64)
	if err != nil {
		return 0, 0, false
	}
	high, err := strconv.ParseUint(end, 16, 64)
	if err != nil || high < low {
		return 0, 0, false
	}
	return uintptr(low), uintptr(high), true
}
