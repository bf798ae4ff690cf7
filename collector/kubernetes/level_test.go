package kubernetes

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// script drives a level as the reflector does, and keeps what it emits.
type script struct {
	*testing.T
	level *level
	told  []pull.Waiting
	now   time.Time
}

func newScript(t *testing.T) *script {
	t.Helper()
	s := &script{T: t, now: time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)}
	s.level = newLevel("n1", slog.New(slog.DiscardHandler), func(w pull.Waiting) { s.told = append(s.told, w) })
	s.level.now = func() time.Time { return s.now }
	return s
}

// watching lists these pods and begins a watch.
func (s *script) watching(pods ...*Pod) *script {
	s.list(pods...)
	s.level.watching(false)
	s.told = nil
	return s
}

func (s *script) list(pods ...*Pod) {
	var objs []any
	for _, p := range pods {
		objs = append(objs, p)
	}
	if err := s.level.Replace(objs, "1"); err != nil {
		s.Fatal(err)
	}
}

func (s *script) update(p *Pod) {
	if err := s.level.Update(p); err != nil {
		s.Fatal(err)
	}
}

// took returns what was emitted since it was called last, as lines.
func (s *script) took() []string {
	var lines []string
	for _, w := range s.told {
		line := fmt.Sprintf("up=%t", w.Up)
		for _, x := range w.Waiters {
			line += " " + whoOf(x)
		}
		for _, a := range w.Failed {
			line += " failed:" + whoOf(a.Waiter) + "=" + string(a.Err) + "(" + a.Message + ")"
		}
		lines = append(lines, line)
	}
	s.told = nil
	return lines
}

func (s *script) want(when string, lines ...string) {
	s.Helper()
	if got := s.took(); !slices.Equal(got, lines) {
		s.Errorf("%s:\n got %q\nwant %q", when, got, lines)
	}
}

func whoOf(w pull.Waiter) string {
	who := w.Pod.Name + "/" + w.Container
	if w.Volume != "" {
		who += "[" + w.Volume + "]"
	}
	if !w.Deleted.IsZero() {
		who += "!" + w.Deleted.Format("15:04:05")
	}
	return who
}

// podWith is a pod of one container, with the state of it in JSON.
func podWith(t *testing.T, name, state string) *Pod {
	t.Helper()
	return parse(t, `{"metadata":{"namespace":"d","name":"`+name+`","uid":"uid-`+name+`"},
		"spec":{"containers":[{"name":"c","image":"nginx:1"}]},
		"status":{"phase":"Pending","containerStatuses":[{"name":"c","state":`+state+`}]}}`)
}

func parse(t *testing.T, text string) *Pod {
	t.Helper()
	p := &Pod{}
	if err := json.Unmarshal([]byte(text), p); err != nil {
		t.Fatal(err)
	}
	return p
}

func waitingFor(reason, message string) string {
	b, _ := json.Marshal(waiting{reason, message})
	return `{"waiting":` + string(b) + `}`
}

const (
	creating = `{"waiting":{"reason":"ContainerCreating"}}`
	running  = `{"running":{"startedAt":"2026-11-26T09:59:00Z"}}`

	refused = `failed to resolve image: unexpected status from HEAD request to http://r/v2/nginx/manifests/1: 429 Too Many Requests`
	missing = `rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/library/nginx:1": failed to resolve image: docker.io/library/nginx:1: not found`
)

func backOff(message string) string {
	return waitingFor(reasonBackOff, `Back-off pulling image "nginx:1": ErrImagePull: `+message)
}

func TestLevelIsToldWhenItChanges(t *testing.T) {
	s := newScript(t)
	s.list(podWith(t, "a", creating), podWith(t, "b", running))
	s.want("after a list, before a watch")
	s.level.watching(false)
	s.want("once the watch runs", "up=true a/c")
	s.update(podWith(t, "a", creating))
	s.level.watching(false)
	s.list(podWith(t, "b", running), podWith(t, "a", creating))
	s.want("nothing new")
	s.update(podWith(t, "c", creating))
	s.want("another pod", "up=true a/c c/c")
	s.update(podWith(t, "a", running))
	s.want("one has its image", "up=true c/c")
	s.level.failed("watch", errors.New("gone"))
	s.level.failed("watch", errors.New("gone"))
	s.want("the API server is away", "up=false c/c")
	s.level.watching(true)
	s.want("a watch that shows all pods first")
	s.list(podWith(t, "b", running))
	s.want("it has shown them: c is gone", "up=true c/c!10:00:00", "up=true")
	if err := s.level.Delete(podWith(t, "nobody", running)); err != nil {
		t.Error(err)
	}
	s.level.close()
	s.update(podWith(t, "d", creating))
	s.want("after the end")
}

func TestApiServerAwayAtTheStart(t *testing.T) {
	s := newScript(t)
	s.level.failed("list", errors.New("refused"))
	s.level.failed("list", errors.New("refused"))
	s.want("away", "up=false")
	s.list(podWith(t, "a", waitingFor(reasonFailed, refused)))
	s.level.failed("watch", errors.New("forbidden"))
	s.want("only the list works", "up=false a/c")
	s.level.watching(false)
	s.want("both work", "up=true a/c")
}

func TestAttempts(t *testing.T) {
	const c = "failed:a/c="
	limited, gone := c+"rate_limited("+refused+")", c+"not_found("+missing+")"
	for _, test := range []struct {
		name   string
		states []string // the first is there at the start
		want   []string // attempts, in order
	}{
		{"there at the start", []string{waitingFor(reasonFailed, refused), backOff(refused)}, nil},
		{"one, and its back-off", []string{creating, waitingFor(reasonFailed, refused), backOff(refused), backOff(refused)}, []string{limited}},
		{"one, and then it works", []string{creating, waitingFor(reasonFailed, refused), running}, []string{limited}},
		{"the same again after a back-off", []string{creating, waitingFor(reasonFailed, refused), backOff(refused), waitingFor(reasonFailed, refused), backOff(refused)}, []string{limited, limited}},
		{"another one at once", []string{creating, waitingFor(reasonFailed, refused), waitingFor(reasonFailed, missing)}, []string{limited, gone}},
		{"the same at once is not to be told", []string{creating, waitingFor(reasonFailed, refused), waitingFor(reasonFailed, refused)}, []string{limited}},
		{"seen in its back-off only", []string{creating, backOff(refused), backOff(refused)}, []string{limited}},
		{"a second one, seen in its back-off only", []string{creating, backOff(refused), backOff(missing)}, []string{limited, gone}},
		{"a second one, seen after the failure before", []string{creating, waitingFor(reasonFailed, refused), backOff(missing)}, []string{limited, gone}},
		{"another one after what was there at the start", []string{backOff(refused), waitingFor(reasonFailed, refused)}, []string{limited}},
		{"a back-off of an old kubelet", []string{creating, waitingFor(reasonFailed, refused), waitingFor(reasonBackOff, `Back-off pulling image "nginx:1"`), waitingFor(reasonFailed, refused)}, []string{limited, limited}},
		{"the back-off of an old kubelet alone", []string{creating, waitingFor(reasonBackOff, `Back-off pulling image "nginx:1"`)}, []string{c + "_OTHER()"}},
		{"reasons of other runtimes", []string{creating, waitingFor(reasonUnavailable, "x"), waitingFor(reasonBackOff, `Back-off pulling image "nginx:1": RegistryUnavailable: x`), waitingFor(reasonSignature, "y")}, []string{c + "connection(x)", c + "rejected(y)"}},
		{"no pull that failed", []string{creating, waitingFor("CrashLoopBackOff", "x"), waitingFor("ErrImageNeverPull", "x"), waitingFor("InvalidImageName", "x")}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScript(t).watching(podWith(t, "a", test.states[0]))
			for _, state := range test.states[1:] {
				s.update(podWith(t, "a", state))
				s.list(podWith(t, "a", state)) // a relist, after each
			}
			var got []string
			for _, line := range s.took() {
				if _, failed, ok := strings.Cut(line, "failed:"); ok {
					got = append(got, "failed:"+failed)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf(" got %q\nwant %q", got, test.want)
			}
		})
	}
}

// What failed in a gap is told after it, once.
func TestAttemptsInAGap(t *testing.T) {
	s := newScript(t).watching(podWith(t, "a", creating))
	s.level.failed("watch", errors.New("away"))
	s.took()
	s.list(podWith(t, "a", backOff(refused)), podWith(t, "b", waitingFor(reasonFailed, missing)))
	s.level.watching(false)
	s.want("after the gap",
		"up=false a/c b/c failed:a/c=rate_limited("+refused+") failed:b/c=not_found("+missing+")",
		"up=true a/c b/c")
}

func TestPodsThatGo(t *testing.T) {
	marked := func(asked, grace int) *Pod {
		p := podWith(t, "a", creating)
		at := fmt.Sprintf(`{"metadata":{"namespace":"d","name":"a","uid":"uid-a","deletionTimestamp":"2026-11-26T10:00:%02dZ","deletionGracePeriodSeconds":%d}}`, asked+grace, grace)
		if err := json.Unmarshal([]byte(at), p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	s := newScript(t).watching(podWith(t, "a", creating))
	s.update(marked(5, 30))
	s.want("asked to go", "up=true a/c!10:00:05")
	s.update(marked(9, 0)) // asked once more, to go at once
	s.want("still the same time")
	s.now = s.now.Add(40 * time.Second)
	if err := s.level.Delete(marked(9, 0)); err != nil {
		t.Fatal(err)
	}
	s.want("gone", "up=true a/c!10:00:05", "up=true")

	s.update(podWith(t, "a", creating))
	s.took()
	if err := s.level.Delete(podWith(t, "a", creating)); err != nil {
		t.Fatal(err)
	}
	s.want("gone at once", "up=true a/c!10:00:40", "up=true")

	// A pod of the same name, like that of a StatefulSet, came in a gap.
	s.update(podWith(t, "a", waitingFor(reasonFailed, refused)))
	s.took()
	other := podWith(t, "a", waitingFor(reasonFailed, refused))
	other.Meta.UID = "another"
	s.update(other)
	s.want("another of its name",
		"up=true a/c a/c!10:00:40 failed:a/c=rate_limited("+refused+")", "up=true a/c")
	finished := podWith(t, "a", creating)
	finished.Meta.UID, finished.Status.Phase = "another", "Failed"
	s.update(finished)
	s.want("finished", "up=true")
}
