//go:build !linux

package server

import "syscall"

func endsWithParent() *syscall.SysProcAttr { return nil }
