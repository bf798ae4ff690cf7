package engine

import "syscall"

// endsWithParent makes the kernel end a daemon when this process is gone, for a test
// binary that was killed cleans up nothing.
func endsWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
