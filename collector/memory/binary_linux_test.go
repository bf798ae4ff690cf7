package memory

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// mapped is how many bytes of the binary the kernel counts as resident.
func mapped(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "RssFile:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("the kernel does not tell how much of the file is mapped")
	return 0
}

func TestTheBinaryIsUnmapped(t *testing.T) {
	for range 2 { // and again, as after each time with pulls
		mapAll(t)
		before := mapped(t)
		unmapBinary()
		after := mapped(t)
		t.Logf("%.1f MiB of the binary were mapped, %.1f MiB are", float64(before)/(1<<20), float64(after)/(1<<20))
		if after > before*3/4 {
			t.Errorf("%d bytes are mapped, %d before", after, before)
		}
	}
}

// mapAll maps all of the binary, as the start of a large one nearly does.
func mapAll(t *testing.T) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	const populateRead = 22 // of Linux 5.14, which package syscall does not have
	count := 0
	for line := range strings.Lines(string(maps)) {
		if from, to, ok := mapping(line, binary); ok {
			if _, _, err := syscall.Syscall(syscall.SYS_MADVISE, from, to-from, populateRead); err != 0 {
				t.Fatal(err)
			}
			count++
		}
	}
	if count == 0 {
		t.Fatalf("no mapping of %s:\n%s", binary, maps)
	}
}

func TestMappingsThatAreLeftAlone(t *testing.T) {
	const file = "/bin/pulltrace"
	for line, want := range map[string]bool{
		"00400000-00d63000 r-xp 00000000 fe:00 9985836                            /bin/pulltrace\n": true,
		"00d63000-017f0000 r--p 00963000 fe:00 9985836                            /bin/pulltrace\n": true,
		"017f0000-0188a000 rw-p 013f0000 fe:00 9985836                            /bin/pulltrace\n": false, // its variables
		"00400000-00d63000 r-xp 00000000 fe:00 9985836                            /lib/pulltrace\n": false,
		"00400000-00d63000 r-xp 00000000 fe:00 9985836                            /x/bin/pulltrace": false,
		"c000000000-c000400000 rw-p 00000000 00:00 0 \n":                                            false,
		"7ffd32252000-7ffd32254000 r-xp 00000000 00:00 0                          [vdso]\n":         false,
	} {
		from, to, ok := mapping(line, file)
		if ok != want || ok && (from == 0 || to <= from) {
			t.Errorf("%s: %x-%x %v, want %v", strings.TrimSpace(line), from, to, ok, want)
		}
	}
}
