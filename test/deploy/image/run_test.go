package image_test

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/deploy"
)

const ordinary = 65532 // a user that is nobody in particular

// The image runs as root and as anybody else, and tells the commit it was built of.
func TestImageRuns(t *testing.T) {
	head, err := exec.Command("git", "rev-parse", "HEAD").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, uid := range map[string]uint32{"root": 0, "ordinary": ordinary} {
		t.Run(name, func(t *testing.T) {
			got := container{user: specs.User{UID: uid, GID: uid}, args: []string{"version"}}.run(t)
			for _, want := range []string{"pulltrace ", strings.TrimSpace(string(head)), "linux/" + runtime.GOARCH} {
				if !strings.Contains(got, want) {
					t.Errorf("pulltrace version lacks %q: %s", want, got)
				}
			}
		})
	}
}

// The binary reads each variable that the chart sets for it.
func TestVariablesOfTheChart(t *testing.T) {
	help := container{args: []string{"--help"}}.run(t)
	chart, err := deploy.Template(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`name: ((?:PULLTRACE|K8S)_[A-Z_]+)\n`).FindAllSubmatch(chart, -1)
	const some = 4
	if len(names) < some {
		t.Errorf("the chart sets %d variables of Pulltrace", len(names))
	}
	for _, name := range names {
		if !strings.Contains(help, "$"+string(name[1])) {
			t.Errorf("pulltrace does not know %s", name[1])
		}
	}
}

// Pulltrace reads containerd by a mount of the socket's folder that is read-only, without
// a capability: as root, whose socket it is, or in the socket's group. It finds the
// new socket when containerd is started again. Nobody else is let in. The probes tell.
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
			health := freeAddress(t)
			_, out := container{
				user: test.user,
				env: []string{
					"PULLTRACE_CONTAINERD_ADDRESS=" + daemon.Socket, "PULLTRACE_IDLE_INTERVAL=100ms",
					"PULLTRACE_HEALTH_ADDRESS=" + health, "PULLTRACE_KUBERNETES=off",
					"OTEL_METRICS_EXPORTER=none", "OTEL_TRACES_EXPORTER=none",
				},
				mounts: []specs.Mount{{Destination: folder, Source: folder, Options: []string{"rbind", "ro"}}},
			}.start(t)
			waitStatus(t, "http://"+health+"/livez", http.StatusOK)
			if !test.may {
				out.waitFor(t, "permission denied")
				waitStatus(t, "http://"+health+"/readyz", http.StatusServiceUnavailable)
				return
			}
			waitStatus(t, "http://"+health+"/readyz", http.StatusOK)
			daemon.Stop()
			waitStatus(t, "http://"+health+"/readyz", http.StatusServiceUnavailable)
			daemon.Restart()
			own()
			waitStatus(t, "http://"+health+"/readyz", http.StatusOK)
		})
	}
}

// freeAddress is one that nobody listened on a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// waitStatus waits for an answer with a status.
func waitStatus(t *testing.T, url string, want int) {
	t.Helper()
	var last string
	for range 300 {
		resp, err := http.Get(url)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == want {
				return
			}
			last = resp.Status
		} else {
			last = err.Error()
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("%s does not answer %d, but: %s", url, want, last)
}
