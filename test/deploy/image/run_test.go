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

	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/deploy/buildkit"
)

const ordinary = 65532 // a user that is nobody in particular

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
			{Type: specs.UTSNamespace},
			{Type: specs.NetworkNamespace},
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

// The image runs as root and as anybody else, and tells the commit it was built of.
func TestImageRuns(t *testing.T) {
	head, err := exec.Command("git", "rev-parse", "HEAD").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, uid := range map[string]uint32{"root": 0, "ordinary": ordinary} {
		t.Run(name, func(t *testing.T) {
			cmd, out := container{user: specs.User{UID: uid, GID: uid}, args: []string{"version"}}.start(t)
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, want := range []string{"pulltrace ", strings.TrimSpace(string(head)), "linux/" + runtime.GOARCH} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("pulltrace version lacks %q: %s", want, out)
				}
			}
		})
	}
}

// Pulltrace reads containerd by a mount of the socket's folder that is read-only, without
// a capability: as root, whose socket it is, or in the socket's group. It finds the
// new socket when containerd is started again. Nobody else is let in.
func TestImageReadsContainerd(t *testing.T) {
	const group = 4242
	for name, test := range map[string]struct {
		user specs.User
		may  bool
	}{
		"root":     {specs.User{}, true},
		"group":    {specs.User{UID: ordinary, GID: ordinary, AdditionalGids: []uint32{group}}, true},
		"ordinary": {specs.User{UID: ordinary, GID: ordinary}, false},
	} {
		t.Run(name, func(t *testing.T) {
			daemon := containerd.Start(t)
			own := func() {
				if err := os.Chown(daemon.Socket, 0, group); err != nil {
					t.Fatal(err)
				}
			}
			own()
			folder := filepath.Dir(daemon.Socket)
			if err := os.Chmod(folder, 0o711); err != nil { // as containerd makes /run/containerd
				t.Fatal(err)
			}
			_, out := container{
				user: test.user,
				env: []string{
					"PULLTRACE_CONTAINERD_ADDRESS=" + daemon.Socket, "PULLTRACE_IDLE_INTERVAL=100ms",
					"OTEL_METRICS_EXPORTER=console", "OTEL_METRIC_EXPORT_INTERVAL=500", "OTEL_TRACES_EXPORTER=none",
				},
				mounts: []specs.Mount{{Destination: folder, Source: folder, Options: []string{"rbind", "ro"}}},
			}.start(t)
			const answers, silent = "container runtime answers", "container runtime does not answer"
			if !test.may {
				out.waitFor(t, silent)
				out.waitFor(t, "permission denied")
				return
			}
			out.waitFor(t, `"Name":"pulltrace.source.up"`)
			if strings.Contains(out.String(), silent) {
				t.Error("containerd did not answer at first")
			}
			daemon.Stop()
			out.waitFor(t, silent)
			daemon.Restart()
			own()
			out.waitFor(t, answers)
		})
	}
}
