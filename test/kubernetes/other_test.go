//go:build !linux

package kubernetes

import (
	"os"
	"testing"
)

func TestNode(t *testing.T) {
	if os.Getenv("CI") == "true" {
		t.Fatal("a node needs Linux")
	}
	t.Skip("a node needs Linux")
}
