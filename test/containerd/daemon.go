package containerd

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/test/cri"
)

const (
	startLimit = 30 * time.Second
	stopLimit  = 10 * time.Second
)

// Daemon is a containerd of a test.
type Daemon struct {
	// Socket is the path of the unix socket with all of its gRPC services.
	Socket string
	// Snapshotter is the one that CRI pulls unpack with.
	Snapshotter string
	// Version is its minor version, like 2.4.
	Version string

	t       testing.TB
	options Options
	bin     string // folder of the programs
	dir     string // all that the daemon writes is below it
	log     *os.File
	process *exec.Cmd     // nil while it does not run
	exited  chan struct{} // closed when process has ended
}

// Options are what a test wants different from the daemon's defaults.
type Options struct {
	// Version is one of the minor versions that are pinned; Newest when empty.
	Version string
	// Snapshotter is the one that CRI pulls unpack with; when empty, one that
	// works on this machine.
	Snapshotter string
	// Images are lines of TOML for the images section of the CRI plugin.
	Images string
	// LogLevel is of its log, info when empty.
	LogLevel string
	// Extra are sections of TOML that the configuration ends with.
	Extra string
}

// Start starts a daemon that runs until the test ends, and waits until it
// answers.
func Start(t testing.TB) *Daemon {
	t.Helper()
	return StartWith(t, Options{})
}

// StartWith is Start with options.
func StartWith(t testing.TB, options Options) *Daemon {
	t.Helper()
	Require(t)
	version := cmp.Or(options.Version, Newest)
	bin, err := Build(t.Context(), version)
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir: a test's name in it would make the socket's path too long.
	dir, err := os.MkdirTemp("", "pulltrace-containerd-")
	if err != nil {
		t.Fatal(err)
	}
	d := &Daemon{
		Socket: filepath.Join(dir, "containerd.sock"), Snapshotter: cmp.Or(options.Snapshotter, snapshotterFor(dir)), Version: version,
		t: t, options: options, bin: bin, dir: dir,
	}
	t.Cleanup(d.cleanUp)
	if d.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		t.Fatal(err)
	}
	if err := d.configure(); err != nil {
		t.Fatalf("configuring containerd: %v", err)
	}
	d.Restart()
	return d
}

//go:embed config-v*.toml
var configTexts embed.FS

var configTemplates = template.Must(template.ParseFS(configTexts, "*.toml"))

// configName is the template of the version of containerd's configuration that
// a minor version reads as its own. From 2.0 the CRI plugin is several.
func configName(minor string) string {
	if strings.HasPrefix(minor, "1.") {
		return "config-v2.toml"
	}
	return "config-v3.toml"
}

func (d *Daemon) configure() error {
	values := map[string]string{
		"Root":        filepath.Join(d.dir, "root"),
		"State":       filepath.Join(d.dir, "state"),
		"Socket":      d.Socket,
		"Snapshotter": d.Snapshotter,
		"CertsDir":    filepath.Join(d.dir, "certs.d"),
		"CNIBinDir":   filepath.Join(d.dir, "cni", "bin"),
		"CNIConfDir":  filepath.Join(d.dir, "cni", "net.d"),
		"Images":      d.options.Images,
		"LogLevel":    cmp.Or(d.options.LogLevel, "info"),
		"Extra":       d.options.Extra,
	}
	// The CRI plugin ends the daemon when it finds no folder for CNI.
	for _, dir := range []string{values["CNIBinDir"], values["CNIConfDir"], values["CertsDir"]} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	var config bytes.Buffer
	if err := configTemplates.ExecuteTemplate(&config, configName(d.Version), values); err != nil {
		return err
	}
	return os.WriteFile(d.configPath(), config.Bytes(), 0o644)
}

func (d *Daemon) configPath() string { return filepath.Join(d.dir, "config.toml") }

// Dir makes a folder for what runs beside this daemon and keeps its images in it. At the
// end what is mounted below it is unmounted, and it is removed.
func (d *Daemon) Dir(name string) string {
	d.t.Helper()
	dir := filepath.Join(d.dir, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		d.t.Fatal(err)
	}
	return dir
}

// RestartAs is Restart with another minor version, as after an upgrade.
func (d *Daemon) RestartAs(version string) {
	d.t.Helper()
	bin, err := Build(d.t.Context(), version)
	if err != nil {
		d.t.Fatal(err)
	}
	d.bin, d.Version = bin, version
	if err := d.configure(); err != nil {
		d.t.Fatalf("configuring containerd: %v", err)
	}
	d.Restart()
}

// Restart starts the daemon again on what it left, after Stop or Kill, and
// waits until it answers.
func (d *Daemon) Restart() {
	d.t.Helper()
	cmd := exec.Command(filepath.Join(d.bin, "containerd"), "--config", d.configPath())
	cmd.Env = append(os.Environ(), "PATH="+d.bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	cmd.Stdout, cmd.Stderr = d.log, d.log
	cmd.SysProcAttr = endsWithParent()
	if err := cmd.Start(); err != nil {
		d.t.Fatalf("starting containerd: %v", err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // told by a signal, as a rule
	}()
	d.process, d.exited = cmd, exited
	if err := d.waitReady(); err != nil {
		d.t.Fatalf("waiting for containerd to answer: %v", err)
	}
}

func (d *Daemon) waitReady() error {
	ctx, cancel := context.WithTimeout(d.t.Context(), startLimit)
	defer cancel()
	for {
		err := d.answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-d.exited:
			return errors.New("it has exited")
		case <-ctx.Done():
			return err
		}
	}
}

// answers tries a call on a new connection: one that failed to connect would
// wait a second before its next attempt.
func (d *Daemon) answers(ctx context.Context) error {
	client, err := cri.Dial(d.Socket)
	if err != nil {
		return err
	}
	defer client.Close()
	return client.Ready(ctx)
}

// PID is the process ID of the daemon, which must run.
func (d *Daemon) PID() int { return d.process.Process.Pid }

// HasBlob tells whether a blob is in the daemon's content store.
func (d *Daemon) HasBlob(blob digest.Digest) bool {
	_, err := os.Stat(filepath.Join(d.dir, "root", "io.containerd.content.v1.content", "blobs", blob.Algorithm().String(), blob.Encoded()))
	return err == nil
}

// Signal sends a signal to the daemon and waits for nothing.
func (d *Daemon) Signal(sig os.Signal) {
	d.t.Helper()
	if err := d.process.Process.Signal(sig); err != nil {
		d.t.Errorf("sending %s to containerd: %v", sig, err)
	}
}

// Stop asks the daemon to end and waits for it. One that does not is killed.
func (d *Daemon) Stop() { d.end(syscall.SIGTERM) }

// Kill ends the daemon as a crash does.
func (d *Daemon) Kill() { d.end(syscall.SIGKILL) }

func (d *Daemon) end(sig os.Signal) {
	if d.process == nil {
		return
	}
	d.process.Process.Signal(sig)
	select {
	case <-d.exited:
	case <-time.After(stopLimit):
		d.t.Errorf("containerd did not end within %s of %s", stopLimit, sig)
		d.process.Process.Kill()
		<-d.exited
	}
	d.process = nil
}

func (d *Daemon) cleanUp() {
	d.Stop()
	if d.log != nil {
		d.log.Close()
		if d.t.Failed() {
			d.showLog()
		}
	}
	if err := errors.Join(unmountBelow(d.dir), os.RemoveAll(d.dir)); err != nil {
		d.t.Errorf("removing what containerd left: %v", err)
	}
}

// showLog shows what the daemon logged, without its list of plugins.
func (d *Daemon) showLog() {
	text, err := os.ReadFile(d.log.Name())
	if err != nil {
		d.t.Errorf("reading containerd's log: %v", err)
		return
	}
	var shown strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, "loading plugin") {
			shown.WriteString(line)
		}
	}
	d.t.Logf("containerd's log:\n%s", shown.String())
}

// Require skips the test where containerd cannot run. In CI nothing may be
// skipped, so there it fails instead.
func Require(t testing.TB) {
	t.Helper()
	reason := cannotRun()
	switch {
	case reason == "":
	case os.Getenv("CI") == "true":
		t.Fatalf("containerd cannot run here: %s", reason)
	default:
		t.Skipf("containerd cannot run here: %s", reason)
	}
}
