//go:build unix

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/semconv"
	"github.com/pulltrace/pulltrace/test/otlp"
)

// asDemo makes the test binary be the demo.
const asDemo = "PULLTRACE_TEST_AS_DEMO"

func TestMain(m *testing.M) {
	if os.Getenv(asDemo) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestDemo plays the demo as it is, as the user of the test and, where that is
// root, as nobody too.
func TestDemo(t *testing.T) {
	for _, as := range []struct {
		name string
		user *syscall.Credential
	}{
		{"as this user", nil},
		{"as nobody", &syscall.Credential{Uid: 65534, Gid: 65534}},
	} {
		t.Run(as.name, func(t *testing.T) {
			t.Parallel()
			if as.user != nil && os.Geteuid() != 0 {
				if os.Getenv("CI") == "true" {
					t.Fatal("only root may become nobody")
				}
				t.Skip("only root may become nobody")
			}
			elsewhere, err := otlp.Start()
			if err != nil {
				t.Fatal(err)
			}
			defer elsewhere.Close()
			demo, temp := command(t, as.user)
			demo.Env = append(demo.Env, "OTEL_EXPORTER_OTLP_ENDPOINT="+elsewhere.Endpoint())

			began := time.Now()
			out, err := demo.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if took := time.Since(began); took > time.Minute {
				t.Errorf("took %v, more than a minute", took)
			}
			for _, want := range []string{
				"stalled: nothing has moved for 3", "moves again", // media/encoder
				"5.0 MiB in", "10.0 MiB cached", // shop/api
				"failed after", "MiB wasted", // edge/router
				"Traces: one for each of the 6 pulls", "hub.example/ml/model:7b  success  trace ",
				semconv.PullDuration.Name, "6 times, mean ",
			} {
				if !strings.Contains(string(out), want) {
					t.Errorf("does not say %q", want)
				}
			}
			for _, root := range elsewhere.Spans(semconv.SpanPull) {
				if !strings.Contains(string(out), root.TraceID) {
					t.Errorf("trace %s was shipped and not shown", root.TraceID)
				}
			}
			if n := len(elsewhere.Spans(semconv.SpanPull)); n != 6 {
				t.Errorf("%d pulls were shipped, not 6", n)
			}
			checkEmpty(t, temp)
			if t.Failed() {
				t.Logf("%s", out)
			}
		})
	}
}

// TestInterrupt stops the demo in the middle of pulls.
func TestInterrupt(t *testing.T) {
	for _, after := range []time.Duration{500 * time.Millisecond, 2 * time.Second, 6 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			demo, temp := command(t, nil)
			var out strings.Builder
			demo.Stdout, demo.Stderr = &out, &out
			if err := demo.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(after)
			if err := demo.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			if err := demo.Wait(); demo.ProcessState.ExitCode() != 1 {
				t.Errorf("ended with %v\n%s", err, out.String())
			}
			if !strings.HasSuffix(out.String(), "demo: interrupted\n") {
				t.Errorf("does not say that it was interrupted:\n%s", out.String())
			}
			checkEmpty(t, temp)
		})
	}
}

// command is the demo as a user, with a folder of its own for temporary files.
func command(t *testing.T, user *syscall.Credential) (demo *exec.Cmd, temp string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "demo") // t.TempDir is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	binary, temp := filepath.Join(dir, "demo"), filepath.Join(dir, "temp")
	self, err := os.ReadFile(os.Args[0])
	err = errors.Join(err, os.Chmod(dir, 0o755), os.WriteFile(binary, self, 0o755), os.Mkdir(temp, 0o700))
	if user != nil {
		err = errors.Join(err, os.Chown(temp, int(user.Uid), int(user.Gid)))
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	t.Cleanup(cancel)
	demo = exec.CommandContext(ctx, binary)
	demo.SysProcAttr = &syscall.SysProcAttr{Credential: user}
	demo.Env = append(os.Environ(), asDemo+"=1", "TMPDIR="+temp)
	return demo, temp
}

func checkEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}
