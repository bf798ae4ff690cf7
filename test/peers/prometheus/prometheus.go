package prometheus

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/pulltrace/pulltrace/test/internal/gobuild"
	"github.com/pulltrace/pulltrace/test/peers/internal/server"
)

const (
	thisPackage = "github.com/pulltrace/pulltrace/test/peers/prometheus"
	module      = "github.com/prometheus/prometheus"
	pinned      = "v3.16"
)

// Build returns the folder that holds prometheus and promtool, and builds them
// first where that has not been done. Several processes may call it at once.
func Build(ctx context.Context) (string, error) {
	here, err := gobuild.Dir(ctx, thisPackage)
	if err != nil {
		return "", fmt.Errorf("finding the pinned Prometheus: %w", err)
	}
	src := filepath.Join(here, pinned)
	version, err := gobuild.Version(ctx, src, module)
	if err != nil {
		return "", fmt.Errorf("reading the pinned version of Prometheus: %w", err)
	}
	// As a module, Prometheus 3.x is v0.3xx.
	release := "3." + strings.TrimPrefix(version, "v0.3")
	return gobuild.Cached("prometheus", src, version, func(out string) error {
		return gobuild.Build(ctx, src, out,
			[]string{"-tags", "netgo,remove_all_sd", "-ldflags", "-s -w -X github.com/prometheus/common/version.Version=" + release},
			module+"/cmd/prometheus", module+"/cmd/promtool")
	})
}

// Server is a Prometheus of a test.
type Server struct {
	t   testing.TB
	api v1.API
}

// Start starts a Prometheus with a configuration file on an address, and waits
// until it answers. It takes OTLP and keeps exemplars.
func Start(t testing.TB, config, address string) *Server {
	t.Helper()
	return StartOn(t, t.TempDir(), config, address)
}

// StartOn is Start with what is stored in a folder, and with further flags.
func StartOn(t testing.TB, data, config, address string, flags ...string) *Server {
	t.Helper()
	bin, err := Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), filepath.Join(bin, "promtool"), "check", "config", config).CombinedOutput(); err != nil {
		t.Fatalf("promtool check config: %v\n%s", err, out)
	}
	server.Start(t, filepath.Join(bin, "prometheus"), append([]string{
		"--config.file=" + config,
		"--storage.tsdb.path=" + data,
		"--web.listen-address=" + address,
		"--web.enable-otlp-receiver",
		"--enable-feature=exemplar-storage",
		"--log.level=warn",
	}, flags...), []string{address})
	url := "http://" + address
	client, err := api.NewClient(api.Config{Address: url})
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, api: v1.NewAPI(client)}
	s.waitReady(url + "/-/ready")
	return s
}

// waitReady waits for the write-ahead log to be read; until then nothing is taken.
func (s *Server) waitReady(url string) {
	s.t.Helper()
	for range 300 {
		resp, err := http.Get(url)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.t.Fatal("Prometheus does not become ready")
}

// API is what it answers to.
func (s *Server) API() v1.API { return s.api }

// Query returns the answer to an instant query as of a time. That may be in the
// past, or in the future: then it is what is answered then, if nothing comes in.
func (s *Server) Query(query string, at time.Time) model.Vector {
	s.t.Helper()
	value, warnings, _, err := s.api.Query(s.t.Context(), query, at)
	if err != nil || len(warnings) > 0 {
		s.t.Fatalf("asking %s: %v %v", query, err, warnings)
	}
	vector, ok := value.(model.Vector)
	if !ok {
		s.t.Fatalf("the answer to %s is a %s", query, value.Type())
	}
	return vector
}

// Exemplars returns the exemplars of the series that a query selects, between two
// times.
func (s *Server) Exemplars(query string, from, to time.Time) []v1.ExemplarQueryResult {
	s.t.Helper()
	result, err := s.api.QueryExemplars(s.t.Context(), query, from, to)
	if err != nil {
		s.t.Fatalf("asking for exemplars of %s: %v", query, err)
	}
	return result
}
