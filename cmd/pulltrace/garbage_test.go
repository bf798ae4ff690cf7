package main

import (
	"runtime/debug"
	"testing"
)

// What the user says of the garbage collector holds, and so does what is not said.
func TestGarbageIsBoundedUnlessTheUserSaysOtherwise(t *testing.T) {
	before := debug.SetGCPercent(100) // as of a process without the variable
	defer debug.SetGCPercent(before)
	limit := debug.SetMemoryLimit(-1)

	t.Setenv("GOGC", "200")
	boundGarbage()
	if got := debug.SetGCPercent(100); got != 100 {
		t.Errorf("with GOGC, which Go has read, it was set to %d", got)
	}
	t.Setenv("GOGC", "")
	boundGarbage()
	if got := debug.SetGCPercent(100); got != gcPercent {
		t.Errorf("without GOGC it is %d, want %d", got, gcPercent)
	}
	if got := debug.SetMemoryLimit(-1); got != limit {
		t.Errorf("the memory limit is %d, want %d as before", got, limit)
	}
}
