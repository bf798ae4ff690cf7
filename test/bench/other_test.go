//go:build !linux

package bench

import (
	"os"
	"testing"
)

func TestBench(t *testing.T) {
	if os.Getenv("CI") == "true" {
		t.Fatal("containerd needs Linux")
	}
	t.Skip("containerd needs Linux")
}
