package kubernetes

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/wait"
)

var patient = patience{answer: 10 * time.Second, silence: time.Minute}

func TestStreamedList(t *testing.T) {
	t.Parallel()
	a := newAPI(t, list("9"), streams(
		event("ADDED", podJSON("a", "3", creating)), event("ADDED", podJSON("b", "2", running)),
		bookmark("5", initialEventsEnd), event("MODIFIED", podJSON("a", "6", waitingFor(reasonFailed, refused))),
		event("DELETED", podJSON("a", "7", creating))))
	w := watchPods(t, a, patient)
	w.wants("the pods", "up=true a/c")
	w.wants("a failure", "up=true a/c failed:a/c=rate_limited("+refused+")")
	if x := <-w.told; len(x.Waiters) != 1 || x.Waiters[0].Deleted.IsZero() {
		t.Errorf("told %+v, want the pod that is gone", x)
	}
	w.wants("the end", "up=true")
	if asked := a.asked(); len(asked) != 1 || !strings.Contains(asked[0], "sendInitialEvents=true") {
		t.Errorf("asked %q, want one watch that begins with all pods", asked)
	}
	w.logged("Kubernetes answers", 1)
}

func TestWithoutStreamedList(t *testing.T) {
	t.Parallel()
	a := newAPI(t, list("5", podJSON("a", "3", creating)), firstly(noWatchList, streams(event("MODIFIED", podJSON("a", "6", running)))))
	w := watchPods(t, a, patient)
	w.wants("the pods", "up=true a/c")
	w.wants("the image is there", "up=true")
	asked := a.asked()
	if len(asked) != 3 || !strings.Contains(asked[1], "resourceVersion=0") || !strings.Contains(asked[2], "resourceVersion=5") {
		t.Errorf("asked %q, want a list of any version, and a watch from there", asked)
	}
	w.logged("level=WARN", 0)
}

// A list in several pages.
func TestPages(t *testing.T) {
	t.Parallel()
	page := answers(200, `{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"5","continue":"more"},"items":[`+podJSON("a", "3", creating)+`]}`)
	w := watchPods(t, newAPI(t, firstly(page, list("5", podJSON("b", "4", creating))), firstly(noWatchList, streams())), patient)
	w.wants("both pages", "up=true a/c b/c")
}

func TestDenied(t *testing.T) {
	t.Parallel()
	a := newAPI(t, denied, denied)
	w := watchPods(t, a, patient)
	w.wants("all is denied", "up=false")
	a.set(list("5", podJSON("a", "3", creating)), denied)
	w.wants("the list alone is allowed", "up=false a/c")
	w.nothing("retries", 2*time.Second)
	w.logged("does not let Pulltrace watch pods", 1)
	w.logged("list and watch on pods", 1)
	w.logged("cannot do this at the cluster scope", 1)
	a.set(list("5", podJSON("a", "3", creating)), streams(event("ADDED", podJSON("a", "3", creating)), bookmark("5", initialEventsEnd)))
	w.wants("all is allowed", "up=true a/c")
	w.logged("Kubernetes answers", 1)
}

func TestTokenNotTaken(t *testing.T) {
	t.Parallel()
	no := answers(401, statusOf4xx(401, "Unauthorized", "Unauthorized"))
	w := watchPods(t, newAPI(t, no, no), patient)
	w.wants("not taken", "up=false")
	w.logged("does not know who asks", 1)
}

func TestAwayAtTheStartAndLater(t *testing.T) {
	t.Parallel()
	first := newAPI(t, list("5"), nil)
	stop := first.serve("127.0.0.1:0")
	stop()
	address := first.address
	w := watchPods(t, first, patient)
	w.wants("nobody listens", "up=false")
	w.nothing("still", 2*time.Second)
	w.logged("Kubernetes does not answer", 1)
	first.set(list("5", podJSON("a", "3", creating)), firstly(noWatchList, streams()))
	stop = first.serve(address)
	w.wants("it comes", "up=false a/c", "up=true a/c")
	stop()
	w.wants("it goes", "up=false a/c")
	first.set(list("9", podJSON("a", "8", running), podJSON("b", "9", waitingFor(reasonFailed, refused))), streams(
		event("ADDED", podJSON("a", "8", running)), event("ADDED", podJSON("b", "9", waitingFor(reasonFailed, refused))), bookmark("9", initialEventsEnd)))
	first.serve(address)
	for {
		x := <-w.told
		if x.Up && len(x.Waiters) == 1 && x.Waiters[0].Pod.Name == "b" {
			break
		}
	}
	w.logged("Kubernetes does not answer", 2)
	w.logged("Kubernetes answers", 2)
}

// The version that a watch goes on from is too old: all pods are read again, which
// is no failure, neither of the API server nor of a pull.
func TestExpired(t *testing.T) {
	t.Parallel()
	gone := event("ERROR", statusOf4xx(410, "Expired", "too old resource version: 5 (99)"))
	failing := podJSON("a", "3", waitingFor(reasonFailed, refused))
	a := newAPI(t, firstly(list("5", failing), list("99", failing, podJSON("b", "90", creating))),
		firstly(noWatchList, streams(gone), noWatchList, streams()))
	w := watchPods(t, a, patient)
	w.wants("the pods", "up=true a/c")
	w.wants("read again", "up=true a/c b/c")
	w.logged("level=WARN", 0)
}

// The same when the API server was away before, for so long that the next attempt would be
// far off.
func TestExpiredAfterFailures(t *testing.T) {
	t.Parallel()
	gone := event("ERROR", statusOf4xx(410, "Expired", "too old resource version: 5 (99)"))
	a := newAPI(t, firstly(list("5"), list("99", podJSON("b", "90", creating))),
		firstly(noWatchList, streams(gone), noWatchList, streams()))
	w := watchPods(t, a, patience{answer: 10 * time.Second, silence: time.Minute, retry: &wait.Backoff{Duration: time.Hour}})
	w.wants("no pod", "up=true")
	w.wants("read again", "up=true b/c")
}

func TestAnswerThatDoesNotCome(t *testing.T) {
	t.Parallel()
	never := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	a := newAPI(t, never, never)
	w := watchPods(t, a, patience{answer: 300 * time.Millisecond, silence: time.Minute})
	w.wants("nothing comes", "up=false")
	w.logged("no answer within 300ms", 1)
	a.set(list("5"), streams(bookmark("5", initialEventsEnd)))
	w.wants("it comes", "up=true")
	w.logged("no pod on this node", 1)
}

// A watch in which nothing comes is begun anew, from the last bookmark.
func TestSilence(t *testing.T) {
	t.Parallel()
	a := newAPI(t, list("5", podJSON("a", "3", creating)), firstly(
		streams(event("ADDED", podJSON("a", "3", creating)), bookmark("5", initialEventsEnd), bookmark("77", "")),
		streams(event("MODIFIED", podJSON("a", "80", running)))))
	w := watchPods(t, a, patience{answer: 10 * time.Second, silence: 500 * time.Millisecond})
	w.wants("the pods", "up=true a/c")
	w.wants("the next watch", "up=true")
	if asked := a.asked(); len(asked) < 2 || !strings.Contains(asked[1], "resourceVersion=77") {
		t.Errorf("asked %q, want a watch from the bookmark", asked)
	}
	w.logged("level=WARN", 0)
}

func TestStreamsThatAreBroken(t *testing.T) {
	t.Parallel()
	good := streams(event("ADDED", podJSON("a", "3", creating)), bookmark("5", initialEventsEnd))
	for name, broken := range map[string]http.HandlerFunc{
		"cut in an event": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, event("ADDED", podJSON("x", "3", creating))[:80])
		},
		"no JSON":          streams("<html>"),
		"another kind":     streams(`{"type":"ADDED","object":{"kind":"Secret","apiVersion":"v1","data":{}}}`, `{"type":"x"}`),
		"wrong types":      streams(event("ADDED", `{"kind":"Pod","apiVersion":"v1","metadata":{"name":{}},"spec":7}`)),
		"an inner failure": streams(event("ERROR", statusOf4xx(500, "InternalError", "etcd"))),
		"closed at once":   answers(200, ""),
		"too many":         answers(429, statusOf4xx(429, "TooManyRequests", "later")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, list("2"), firstly(broken, broken, broken, good)) // the pod is in the good one alone
			w := watchPods(t, a, patience{answer: 10 * time.Second, silence: time.Second})
			for deadline := time.After(20 * time.Second); ; {
				select {
				case x := <-w.told:
					if x.Up && len(x.Waiters) == 1 && x.Waiters[0].Pod.Name == "a" {
						return
					}
				case <-deadline:
					t.Fatal("the pod was not told")
				}
			}
		})
	}
}

func TestListsThatAreBroken(t *testing.T) {
	t.Parallel()
	endless := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"kind":"PodList","apiVersion":"v1","items":[`+podJSON("a", "3", creating))
		for r.Context().Err() == nil {
			if _, err := fmt.Fprintf(w, ",%s", podJSON("a", "3", creating)); err != nil {
				return
			}
		}
	}
	for name, broken := range map[string]http.HandlerFunc{
		"no JSON": answers(200, "<html>"), "another kind": answers(200, `{"kind":"SecretList","apiVersion":"v1","items":[]}`),
		"cut": answers(200, `{"kind":"PodList","apiVersion":"v1","items":[{`), "endless": endless, "an inner failure": answers(500, "etcd"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t, broken, noWatchList)
			w := watchPods(t, a, patient)
			w.wants("broken", "up=false")
			a.set(list("5", podJSON("a", "3", creating)), streams(event("ADDED", podJSON("a", "3", creating)), bookmark("5", initialEventsEnd)))
			w.wants("well", "up=true a/c")
		})
	}
}

func TestNew(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]Config{
		"no name":              {Kubeconfig: kubeconfig(t, "127.0.0.1:1"), Logger: log},
		"no such file":         {Node: "n1", Kubeconfig: filepath.Join(t.TempDir(), "none"), Logger: log},
		"kubeconfig " + empty:  {Node: "n1", Kubeconfig: empty, Logger: log},
		"the pod's own access": {Node: "n1", Logger: log},
	} {
		t.Setenv("KUBERNETES_SERVICE_HOST", "")
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want one with %q", c, err, want)
		}
	}
}

// What client-go logs is seen with --log-level=debug alone, whatever it thinks of it.
func TestClientGoIsQuiet(t *testing.T) {
	for level, want := range map[slog.Level]string{slog.LevelInfo: "", slog.LevelDebug: "level=DEBUG msg=ended\nlevel=DEBUG msg=\"failed to watch\" err=gone pods=n1\n"} {
		var b bytes.Buffer
		handler := slog.NewTextHandler(&b, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})
		log := logr.FromSlogHandler(debugOnly{handler})
		log.Info("ended")
		log.Error(errors.New("gone"), "failed to watch", "pods", "n1")
		if b.String() != want {
			t.Errorf("at level %s: %q, want %q", level, b.String(), want)
		}
	}
}
