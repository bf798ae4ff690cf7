// Package nodeexporter builds and runs Prometheus' node_exporter, with the collectors that
// are on by default.
package nodeexporter

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/internal/gobuild"
)

const (
	thisPackage = "github.com/pulltrace/pulltrace/test/bench/nodeexporter"
	pinned      = "v1.12"
	module      = "github.com/prometheus/node_exporter"

	// Interval is how often it is scraped: as the monitoring of clusters by Prometheus' operator
	// (kube-prometheus) does.
	Interval = 15 * time.Second

	startLimit  = 20 * time.Second
	scrapeLimit = 10 * time.Second // as Prometheus has it

	// leftOut are the file systems that it is not asked about: those of its own default, as far
	// as they may be here, and FUSE. Tests that run beside have file systems in user space, and one whose
	// program is gone holds up whoever asks for it.
	leftOut = "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fuse.*|hugetlbfs|mqueue|nsfs|overlay|proc|pstore|rpc_pipefs|securityfs|sysfs|tracefs)$"
)

// Exporter is a node_exporter that runs, and is scraped.
type Exporter struct {
	Version string
	PID     int
}

// Build returns the folder of the program, which it builds where that has not been done, and
// the program's version.
func Build(ctx context.Context) (dir, version string, err error) {
	here, err := gobuild.Dir(ctx, thisPackage)
	if err != nil {
		return "", "", fmt.Errorf("finding the pinned node_exporter: %w", err)
	}
	src := filepath.Join(here, pinned)
	if version, err = gobuild.Version(ctx, src, module); err != nil {
		return "", "", fmt.Errorf("reading the pinned version of node_exporter: %w", err)
	}
	dir, err = gobuild.Cached("node_exporter", src, version, func(out string) error {
		return gobuild.Build(ctx, src, out, []string{"-ldflags", "-s -w"}, module)
	})
	return dir, version, err
}

// Start runs one until the test ends.
func Start(t *testing.T) *Exporter {
	t.Helper()
	dir, version, err := Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(dir, "node_exporter"), "--web.listen-address="+address, "--log.level=error",
		"--collector.filesystem.fs-types-exclude="+leftOut)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // also if the test is killed
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting node_exporter: %v", err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	url := "http://" + address + "/metrics"
	for deadline := time.Now().Add(startLimit); ; time.Sleep(100 * time.Millisecond) {
		if err = scrape(t.Context(), url); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("waiting for node_exporter: %v", err)
		}
	}
	go func() {
		for tick := time.NewTicker(Interval); ; {
			select {
			case <-tick.C:
				if err := scrape(t.Context(), url); err != nil && t.Context().Err() == nil {
					t.Errorf("scraping node_exporter: %v", err)
				}
			case <-t.Context().Done():
				tick.Stop()
				return
			}
		}
	}()
	return &Exporter{Version: version, PID: cmd.Process.Pid}
}

// scrape asks for the metrics, as Prometheus does.
func scrape(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, scrapeLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
	response, err := http.DefaultClient.Do(request) // asks for gzip
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", response.Status)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// freeAddress is an address of the loopback interface that nothing listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
