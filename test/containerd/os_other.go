//go:build !linux

package containerd

import (
	"runtime"
	"syscall"
)

func cannotRun() string { return "it needs Linux, this is " + runtime.GOOS }

func endsWithParent() *syscall.SysProcAttr { return nil }

func snapshotterFor(string) string { return "native" }

func unmountBelow(string) error { return nil }
