package health

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/collector/pull"
)

func TestHealth(t *testing.T) {
	now := time.Now()
	s := newServer(10 * time.Second)
	s.now, s.heard = func() time.Time { return now }, now
	check := func(when, path string, status int, says string) {
		t.Helper()
		w := httptest.NewRecorder()
		s.http.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		if body := w.Body.String(); w.Code != status || !strings.Contains(body, says) || strings.Count(body, "\n") != 1 {
			t.Errorf("%s, %s is %d %q, want %d and one line with %q", when, path, w.Code, body, status, says)
		}
	}
	check("at the start", "/livez", 200, "ok")
	check("at the start", "/readyz", 503, "not asked yet")

	s.Report(pull.Update{})
	check("after a good poll", "/livez", 200, "ok")
	check("after a good poll", "/readyz", 200, "ok")

	s.Report(pull.Update{Err: errors.New("no socket")})
	check("while containerd is away", "/livez", 200, "ok")
	check("while containerd is away", "/readyz", 503, "containerd does not answer: no socket")

	s.Report(pull.Update{})
	check("when it is back", "/readyz", 200, "ok")
	now = now.Add(89 * time.Second)
	check("at the bound", "/livez", 200, "ok")
	now = now.Add(2 * time.Second)
	check("when the loop is stuck", "/livez", 503, "no poll for 1m31s")
	check("when the loop is stuck", "/readyz", 503, "no poll for 1m31s")
}

func TestListen(t *testing.T) {
	port := freePort(t)
	s, err := Listen(t.Context(), port, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get("http://" + port + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK || string(body) != "ok\n" {
		t.Errorf("/livez answered %s %q, %v", resp.Status, body, err)
	}
	if second, err := Listen(t.Context(), port, time.Second); err == nil || !strings.Contains(err.Error(), "in use") {
		second.Close()
		t.Errorf("a port that is taken: %v, want an error that says so", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if resp, err := http.Get("http://" + port + "/livez"); err == nil {
		resp.Body.Close()
		t.Error("it answers after Close")
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
