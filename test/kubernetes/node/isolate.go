//go:build linux

package node

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink"
)

const (
	// Name is the name of the node.
	Name = "node-1"

	// Address is the node's. A kubelet takes no loopback address; any other one
	// that is local will do.
	Address = "10.250.0.1"
	// service is where pods look for the API server: the first address of the range
	// of services. It stands on the node, since nothing here translates it.
	service      = "10.96.0.1"
	serviceRange = "10.96.0.0/16"
)

// sysctls are what a kubelet wants of the kernel, and would set for the machine. It
// is shown files in their place that say so already.
var sysctls = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// isolate makes of fresh namespaces a machine of their own. What is written to its
// /run and /var stays below dir.
func isolate(dir string) error {
	if err := syscall.Sethostname([]byte(Name)); err != nil {
		return err
	}
	return errors.Join(setNetwork(), setMounts(dir), makeCgroups(dir))
}

func setNetwork() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return err
	}
	for _, ip := range []string{Address, service} {
		addr, err := netlink.ParseAddr(ip + "/32")
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(lo, addr); err != nil {
			return fmt.Errorf("adding the address %s: %w", ip, err)
		}
	}
	// The API server and the kubelet look for a default route. It leads nowhere.
	route := &netlink.Route{LinkIndex: lo.Attrs().Index, Gw: net.ParseIP(Address)}
	if err := netlink.RouteAdd(route); err != nil {
		return fmt.Errorf("adding a default route: %w", err)
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}

// setMounts mounts what must not be the machine's. Paths that are fixed somewhere, as
// /var/log/containers is, so need no configuration.
func setMounts(dir string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	below := func(names ...string) string { return filepath.Join(append([]string{dir}, names...)...) }
	for _, name := range []string{"var/upper", "var/work", "containerd", "kubelet", "sysctl", "log"} {
		if err := os.MkdirAll(below(name), 0o755); err != nil {
			return err
		}
	}
	overlay := fmt.Sprintf("lowerdir=/var,upperdir=%s,workdir=%s", below("var/upper"), below("var/work"))
	err := errors.Join(
		syscall.Mount("proc", "/proc", "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, ""),
		syscall.Mount("tmpfs", "/run", "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "mode=755"),
		syscall.Mount("overlay", "/var", "overlay", 0, overlay),
		// No overlay can be mounted on an overlay.
		bind(below("containerd"), "/var/lib/containerd"),
		bind(below("kubelet"), "/var/lib/kubelet"),
		forgetNames(below("resolv.conf")))
	for name, value := range sysctls {
		shown := below("sysctl", strings.ReplaceAll(name, "/", "."))
		err = errors.Join(err, os.WriteFile(shown, []byte(value+"\n"), 0o644), bindFile(shown, "/proc/sys/"+name))
	}
	return err
}

// forgetNames lets no name be known here, which is found out at once: nobody answers where
// a resolver looks for a server by itself, too.
func forgetNames(empty string) error {
	const resolver = "/etc/resolv.conf"
	if _, err := os.Stat(resolver); err != nil {
		return nil //nolint:nilerr // there is none, or it led to the machine's /run
	}
	return errors.Join(os.WriteFile(empty, []byte("nameserver 127.0.0.1\n"), 0o644), bindFile(empty, resolver))
}

func bind(from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	return bindFile(from, to)
}

func bindFile(from, to string) error {
	if err := syscall.Mount(from, to, "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting %s at %s: %w", from, to, err)
	}
	return nil
}

// unmountBelow takes away all mounts that show something of dir, the last one first.
func unmountBelow(dir string) {
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	lines := strings.Split(strings.TrimSpace(string(mounts)), "\n")
	for _, line := range slices.Backward(lines) {
		const mountPoint = 4 // see proc_pid_mountinfo(5)
		at := strings.Fields(line)[mountPoint]
		if strings.HasPrefix(at, dir+"/") || strings.HasPrefix(at, "/var") {
			_ = syscall.Unmount(at, syscall.MNT_DETACH)
		}
	}
}
