//go:build !linux

package buildkit

import "syscall"

func endsWithParent() *syscall.SysProcAttr { return nil }
