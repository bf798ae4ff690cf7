//go:build linux

package node

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/pulltrace/pulltrace/test/pulltrace"
)

// What a copy of the test binary is told by the one that started it.
const (
	roleVariable = "PULLTRACE_TEST_NODE_ROLE"
	dirVariable  = "PULLTRACE_TEST_NODE_DIR"

	roleInit  = "init"  // PID 1 of the namespaces
	roleSuite = "suite" // the one with the tests
)

// running is the node that the tests of this process run on; nil where there is none.
var running *Node

// Suite is a testing.M, or what runs one.
type Suite interface{ Run() int }

// Main runs the tests on a node, and returns the exit code. Before that, and where there
// still is a network, prepare makes what else the tests need, in a folder that goes with
// the node. It may set variables of the environment for the tests.
func Main(m Suite, prepare func(ctx context.Context, dir string) error) int {
	flag.Parse()
	var code int
	var err error
	switch role := os.Getenv(roleVariable); {
	case role == roleInit:
		code, err = initMain(os.Getenv(dirVariable))
	case role == roleSuite:
		code, err = suiteMain(m, os.Getenv(dirVariable))
	case cannotRun() != "" || flag.Lookup("test.list").Value.String() != "":
		return m.Run() // each test says that it cannot run, or only its name
	default:
		code, err = outerMain(prepare)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// outerMain builds all that is needed, while there is a network, and runs this program
// as PID 1 of new namespaces. That one watches the other end of a pipe, which the
// kernel closes when this process is gone.
func outerMain(prepare func(ctx context.Context, dir string) error) (int, error) {
	dir, err := os.MkdirTemp("", "pulltrace-node-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return 1, err
	}
	if err := buildAll(context.Background(), bin); err != nil {
		return 1, err
	}
	if err := prepare(context.Background(), dir); err != nil {
		return 1, err
	}
	binary, err := pulltrace.Build()
	if err != nil {
		return 1, err
	}
	alive, ours, err := os.Pipe()
	if err != nil {
		return 1, err
	}
	defer ours.Close()
	cmd := again(roleInit, dir)
	cmd.Env = append(cmd.Env, "PULLTRACE_BINARY="+binary)
	cmd.Stdin = alive
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true, // what the terminal sends ends this process, and PID 1 cleans up
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
	}
	err = cmd.Run()
	if cmd.ProcessState == nil {
		return 1, fmt.Errorf("starting in new namespaces: %w", err)
	}
	return cmd.ProcessState.ExitCode(), nil // the other process has said why
}

// again is this program with its arguments in another role.
func again(role, dir string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, dirVariable+"="+dir)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd
}

// initMain is PID 1.
func initMain(dir string) (int, error) {
	defer cleanUp(dir)
	if err := isolate(dir); err != nil {
		return 1, fmt.Errorf("setting the namespaces up: %w", err)
	}
	suite := again(roleSuite, dir)
	if err := suite.Start(); err != nil {
		return 1, err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)  // until whoever started this is gone
		_ = syscall.Kill(-1, syscall.SIGKILL) // the child, too
	}()
	return reap(suite.Process.Pid), nil
}

// reap waits for whatever ends, also for what has lost its parent, until the child has
// ended. It returns the child's exit code.
func reap(child int) int {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.ECHILD):
			return 1
		case pid == child && status.Exited():
			return status.ExitStatus()
		case pid == child:
			return 1
		}
	}
}

// killAll ends every other process of the namespace, also what is being started
// meanwhile.
func killAll() {
	for {
		_ = syscall.Kill(-1, syscall.SIGKILL)
		if _, err := syscall.Wait4(-1, nil, 0, nil); errors.Is(err, syscall.ECHILD) {
			return
		}
	}
}

// suiteMain is the process with the tests.
func suiteMain(m Suite, dir string) (int, error) {
	n, err := start(dir)
	if err != nil {
		n.showLogs()
		return 1, fmt.Errorf("starting the node: %w", err)
	}
	running = n
	code := m.Run()
	n.stop()
	if code != 0 {
		n.showLogs()
	}
	return code, nil
}

// Get returns the node. Where none can run, it skips the test; in CI nothing may be
// skipped, so there it fails instead.
func Get(t testing.TB) *Node {
	t.Helper()
	if running != nil {
		return running
	}
	if reason := cannotRun(); os.Getenv("CI") == "true" {
		t.Fatalf("a node cannot run here: %s", reason)
	} else {
		t.Skipf("a node cannot run here: %s", reason)
	}
	return nil
}

func cannotRun() string {
	if os.Geteuid() != 0 {
		return "it needs root for namespaces and mounts"
	}
	return ""
}

// Outside is the environment of a program that is to start a node of its own.
func Outside() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, roleVariable+"=") || strings.HasPrefix(variable, dirVariable+"=")
	})
}
