package image_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/pulltrace/pulltrace/test/deploy/buildkit"
)

// container is the image running by runc as the chart's pod does: without
// capabilities, without a way to them, on a root filesystem that is read-only.
type container struct {
	user   specs.User
	args   []string
	env    []string
	mounts []specs.Mount
}

// start starts it and returns what it writes, as it comes. It is ended with the test.
func (c container) start(t *testing.T) (*exec.Cmd, *output) {
	t.Helper()
	root, config := unpacked(t, "linux/"+runtime.GOARCH)
	bin, err := buildkit.Binaries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Dir(root)
	spec := specs.Spec{
		Version: specs.Version,
		Root:    &specs.Root{Path: root, Readonly: true},
		Process: &specs.Process{
			User:            c.user,
			Args:            append(config.Config.Entrypoint, c.args...),
			Env:             append(config.Config.Env, c.env...),
			Cwd:             "/",
			NoNewPrivileges: true,
			Capabilities:    &specs.LinuxCapabilities{},
		},
		Mounts: append([]specs.Mount{{Destination: "/proc", Type: "proc", Source: "proc"}}, c.mounts...),
		Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{
			{Type: specs.PIDNamespace},
			{Type: specs.MountNamespace},
			{Type: specs.IPCNamespace},
			{Type: specs.UTSNamespace}, // none of the network: the test asks how it is
		}},
	}
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bundle, "config.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	runc := filepath.Join(bin, "runc")
	id := filepath.Base(t.TempDir()) + "-" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-"))
	state := "--root=" + filepath.Join(bundle, "state")
	cmd := exec.Command(runc, state, "run", "--bundle", bundle, id)
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := exec.Command(runc, state, "delete", "--force", id).Run(); err != nil {
			t.Errorf("deleting the container: %v", err)
		}
		_ = cmd.Wait() // killed, or it has been waited for
		if t.Failed() {
			t.Logf("the container wrote:\n%s", out)
		}
	})
	return cmd, out
}

// run runs it to its end and returns what it has written.
func (c container) run(t *testing.T) string {
	t.Helper()
	cmd, out := c.start(t)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out.String()
}

// output is what a container has written, which may be read meanwhile.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// waitFor waits for a text.
func (o *output) waitFor(t *testing.T, text string) {
	t.Helper()
	for range 300 {
		if strings.Contains(o.String(), text) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("the container has not written %q", text)
}
