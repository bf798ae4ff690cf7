//go:build linux

package node

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	readyLimit = time.Minute // of each program, on a machine that is busy
	stopLimit  = 10 * time.Second
)

// process is a program of the node that runs.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
}

// launch starts a program; what it writes is added to the log of its name.
func (n *Node) launch(name string, args ...string) (*process, error) {
	log, err := os.OpenFile(n.logPath(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the program has it
	cmd := exec.Command(filepath.Join(n.bin, name), args...)
	cmd.Env = append(os.Environ(), "PATH="+n.bin+":"+os.Getenv("PATH"))
	cmd.Dir = n.dir
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p := &process{cmd: cmd, exited: make(chan struct{})}
	go func() {
		defer close(p.exited)
		_ = cmd.Wait() // told by a signal, as a rule
	}()
	return p, nil
}

// until waits for a condition, which is asked often, as long as the process runs.
func (p *process) until(what string, condition func() error) error {
	deadline := time.After(readyLimit)
	for {
		err := condition()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-p.exited:
			return fmt.Errorf("waiting for %s: %s has exited", what, filepath.Base(p.cmd.Path))
		case <-deadline:
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
	}
}

// kill ends the process as a crash does.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.exited
}

// end asks the process to end, and waits for it.
func (p *process) end() error {
	if p == nil {
		return nil
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopLimit):
		p.cmd.Process.Kill()
		<-p.exited
		return errors.New(filepath.Base(p.cmd.Path) + " did not end when it was asked to")
	}
}
