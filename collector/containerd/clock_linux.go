package containerd

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot goes on while the machine is suspended, which Go's monotonic clock does not
// (clock_gettime(2): CLOCK_BOOTTIME).
func sinceBoot() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return time.Since(began) // a kernel before 2.6.39
	}
	return time.Duration(ts.Nano())
}
