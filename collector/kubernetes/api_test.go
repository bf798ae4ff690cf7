package kubernetes

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// api is an API server that fails in ways that a real one cannot easily be
// brought to. Its answers may be replaced at any time.
type api struct {
	t        *testing.T
	address  string
	mu       sync.Mutex
	list     http.HandlerFunc
	watch    http.HandlerFunc
	requests []*http.Request
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.requests = append(a.requests, r)
	h := a.list
	if r.URL.Query().Get("watch") != "" {
		h = a.watch
	}
	a.mu.Unlock()
	if r.Method != http.MethodGet || r.URL.Path != "/api/v1/pods" || r.URL.Query().Get("fieldSelector") != "spec.nodeName=n1" {
		a.t.Errorf("asked for %s %s", r.Method, r.URL)
	}
	w.Header().Set("Content-Type", "application/json")
	h(w, r)
}

func (a *api) set(list, watch http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list, a.watch = list, watch
}

// asked returns the queries so far.
func (a *api) asked() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var queries []string
	for _, r := range a.requests {
		queries = append(queries, r.URL.RawQuery)
	}
	return queries
}

func newAPI(t *testing.T, list, watch http.HandlerFunc) *api {
	t.Helper()
	a := &api{t: t, list: list, watch: watch}
	a.serve("127.0.0.1:0")
	return a
}

// serve answers on an address until the returned function is called.
func (a *api) serve(address string) (stop func()) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		a.t.Fatal(err)
	}
	a.address = l.Addr().String()
	s := httptest.NewUnstartedServer(a)
	s.Listener.Close()
	s.Listener = l
	s.Start()
	stop = sync.OnceFunc(func() { s.CloseClientConnections(); s.Close() })
	a.t.Cleanup(stop)
	return stop
}

// answers is a handler that gives a status and a body.
func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// stream is a handler that gives lines, one event each, and stays open.
func streams(lines ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, line := range lines {
			fmt.Fprint(w, line+"\n")
			w.(http.Flusher).Flush()
		}
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
}

// firstly answers the first requests each with one of these, and all others with the last.
func firstly(hs ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		h := hs[0]
		if len(hs) > 1 {
			hs = hs[1:]
		}
		mu.Unlock()
		h(w, r)
	}
}

func statusOf4xx(code int, reason, message string) string {
	return fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":%q,"reason":%q,"code":%d}`, message, reason, code)
}

var (
	noWatchList = answers(422, statusOf4xx(422, "Invalid", "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"))
	denied      = answers(403, statusOf4xx(403, "Forbidden", `pods is forbidden: User "system:serviceaccount:m:pulltrace" cannot do this at the cluster scope`))
)

func podJSON(name, version, state string) string {
	return fmt.Sprintf(`{"kind":"Pod","apiVersion":"v1","metadata":{"namespace":"d","name":%q,"uid":"u-%s","resourceVersion":%q,"managedFields":[{"fieldsV1":{"f:metadata":{}}}],"annotations":{"a":"b"}},
		"spec":{"containers":[{"name":"c","image":"nginx:1","env":[{"name":"A","value":"B"}]}]},"status":{"containerStatuses":[{"name":"c","state":%s}]}}`, name, name, version, state)
}

func list(version string, pods ...string) http.HandlerFunc {
	return answers(200, `{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"`+version+`"},"items":[`+strings.Join(pods, ",")+`]}`)
}

func event(kind, object string) string {
	return `{"type":"` + kind + `","object":` + strings.ReplaceAll(object, "\n", " ") + `}`
}

func bookmark(version, annotations string) string {
	return event("BOOKMARK", `{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"`+version+`","creationTimestamp":null,"annotations":{`+annotations+`}},"spec":{"containers":null},"status":{}}`)
}

const initialEventsEnd = `"k8s.io/initial-events-end":"true"`

// watched is a Watch that runs.
type watched struct {
	*testing.T
	told chan pull.Waiting
	log  *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func watchPods(t *testing.T, a *api, patience patience) *watched {
	t.Helper()
	w := &watched{T: t, told: make(chan pull.Waiting, 100), log: &lockedBuffer{}}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelInfo}))
	p, err := New(Config{Node: "n1", Kubeconfig: kubeconfig(t, a.address), Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	p.patience = patience
	if p.patience.retry == nil {
		p.patience.retry = &wait.Backoff{Duration: 100 * time.Millisecond, Cap: time.Second, Steps: 10, Factor: 2}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Watch(ctx, func(x pull.Waiting) { w.told <- x })
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			t.Error("Watch did not return")
		}
		if t.Failed() {
			t.Logf("asked: %q\nlogged: %s", a.asked(), w.log)
		}
	})
	return w
}

func kubeconfig(t *testing.T, address string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: 'http://" + address + "'}}]\n" +
		"contexts: [{name: x, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {token: t}}]\ncurrent-context: x\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// wants waits for what is told next, and compares.
func (w *watched) wants(when string, lines ...string) {
	w.Helper()
	for _, want := range lines {
		select {
		case x := <-w.told:
			s := script{told: []pull.Waiting{x}}
			if got := s.took()[0]; got != want {
				w.Fatalf("%s: told %q, want %q", when, got, want)
			}
		case <-time.After(20 * time.Second):
			w.Fatalf("%s: nothing was told, want %q", when, want)
		}
	}
}

// nothing checks that nothing is told for a moment.
func (w *watched) nothing(when string, d time.Duration) {
	w.Helper()
	select {
	case x := <-w.told:
		s := script{told: []pull.Waiting{x}}
		w.Fatalf("%s: told %q, want nothing", when, s.took())
	case <-time.After(d):
	}
}

func (w *watched) logged(text string, times int) {
	w.Helper()
	if got := strings.Count(w.log.String(), text); got != times {
		w.Errorf("%q was logged %d times, want %d:\n%s", text, got, times, w.log)
	}
}
