//go:build !linux

package soak

import (
	"os"
	"testing"
)

func TestSoak(t *testing.T) {
	if os.Getenv("CI") == "true" {
		t.Fatal("a node needs Linux")
	}
	t.Skip("a node needs Linux")
}
