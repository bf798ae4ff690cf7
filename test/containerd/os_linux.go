package containerd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

func cannotRun() string {
	if os.Geteuid() != 0 {
		return "it needs root to mount snapshots"
	}
	return ""
}

// endsWithParent makes the kernel end the daemon when this process is gone, for
// a test binary that was killed cleans up nothing.
func endsWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// snapshotterFor returns overlayfs where an overlay can be mounted in dir, and
// native, which copies, where it cannot (in a container, on another overlay).
func snapshotterFor(dir string) string {
	probe := filepath.Join(dir, "overlay")
	defer os.RemoveAll(probe)
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		if err := os.MkdirAll(filepath.Join(probe, name), 0o755); err != nil {
			return "native"
		}
	}
	options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", probe)
	merged := filepath.Join(probe, "merged")
	if err := syscall.Mount("overlay", merged, "overlay", 0, options); err != nil {
		return "native"
	}
	_ = syscall.Unmount(merged, 0) // or it is unmounted at the end
	return "overlayfs"
}

// unmountBelow unmounts all mounts in dir, the inner ones first.
func unmountBelow(dir string) error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var errs []error
	lines := strings.Split(strings.TrimSpace(string(mounts)), "\n")
	for _, line := range slices.Backward(lines) {
		const mountPoint = 4 // see proc_pid_mountinfo(5)
		if at := strings.Fields(line)[mountPoint]; strings.HasPrefix(at, dir+"/") {
			if err := syscall.Unmount(at, syscall.MNT_DETACH); err != nil {
				errs = append(errs, fmt.Errorf("unmounting %s: %w", at, err))
			}
		}
	}
	return errors.Join(errs...)
}
