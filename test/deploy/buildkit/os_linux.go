package buildkit

import "syscall"

// endsWithParent makes the kernel end the daemon when this process is gone, for
// a test binary that was killed cleans up nothing.
func endsWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
