//go:build !linux

package engine

import "syscall"

func endsWithParent() *syscall.SysProcAttr { return nil }
