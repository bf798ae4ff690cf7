package process

import (
	"os"
	"testing"
	"time"
)

// What this process does shows: time of the CPU, memory, and sleeps.
func TestRead(t *testing.T) {
	before, err := Read(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	const work, naps, size = 100 * time.Millisecond, 50, 64 << 20
	memory := make([]byte, size)
	for began := time.Now(); time.Since(began) < work; {
		for i := 0; i < len(memory); i += 4096 {
			memory[i]++
		}
	}
	for range naps {
		time.Sleep(time.Millisecond)
	}
	after, err := Read(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if cpu := after.CPU - before.CPU; cpu < work/4 || cpu > 4*after.At.Sub(before.At) { // it may have had to wait for a CPU
		t.Errorf("%s of the CPU in %s, of which %s was work", cpu, after.At.Sub(before.At), work)
	}
	if more := after.Resident - before.Resident; more < size*9/10 {
		t.Errorf("%d bytes more are resident, %d were written", more, len(memory))
	}
	if after.Peak < after.Resident {
		t.Errorf("the most is %d bytes, now there are %d", after.Peak, after.Resident)
	}
	if switches := after.Switches - before.Switches; switches < naps/2 {
		t.Errorf("%d context switches in %d naps", switches, naps)
	}
}

func TestReadOfNone(t *testing.T) {
	const none = 1 << 30 // above the largest that there may be
	if s, err := Read(none); err == nil {
		t.Errorf("a process that there is not has needed %+v", s)
	}
}

func TestParseStatus(t *testing.T) {
	got := parseStatus([]byte("Name:\tpulltrace\nVmHWM:\t   31716 kB\nThreads:\t9\nvoluntary_ctxt_switches:\t150\n"))
	for name, want := range map[string]int64{"VmHWM": 31716, "Threads": 9, "voluntary_ctxt_switches": 150, "Name": 0} {
		if got[name] != want {
			t.Errorf("%s is %d, want %d", name, got[name], want)
		}
	}
}
