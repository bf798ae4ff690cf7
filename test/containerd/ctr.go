package containerd

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
)

// Ctr returns the command that runs the ctr which was built with the daemon
// against it, in a namespace.
func (d *Daemon) Ctr(ctx context.Context, namespace string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, filepath.Join(d.bin, "ctr"), append([]string{"--address", d.Socket, "--namespace", namespace}, args...)...)
}

// Mirror makes CRI pull the images of a registry's host from a mirror that
// speaks plain HTTP.
func (d *Daemon) Mirror(host, mirror string) {
	d.t.Helper()
	dir := filepath.Join(d.dir, "certs.d", host)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		d.t.Fatal(err)
	}
	hosts := "[host.'http://" + mirror + "']\n  capabilities = ['pull', 'resolve']\n"
	if err := os.WriteFile(filepath.Join(dir, "hosts.toml"), []byte(hosts), 0o644); err != nil {
		d.t.Fatal(err)
	}
}
