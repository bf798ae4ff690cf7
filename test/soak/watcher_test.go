//go:build linux

package soak

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/pulltrace"
	"github.com/pulltrace/pulltrace/test/soak/judge"
	"github.com/pulltrace/pulltrace/test/socketproxy"
)

const (
	subscribe = "/containerd.services.events.v1.Events/Subscribe"

	// unsent is for how long before a crash what has ended may not have been exported: it is
	// settled within a poll, and exports are a second apart.
	unsent = 2500 * time.Millisecond
	// begins is how long after the first look the event stream may open.
	begins = 300 * time.Millisecond
)

// watcher is a Pulltrace with a receiver of its own, which reaches containerd through a proxy.
type watcher struct {
	*node
	name    string
	proxy   *socketproxy.Proxy
	address string // of the receiver
	health  string
	process *pulltrace.Process
	cgroup  cgroup
	samples []sample
	tally   tally
	late    map[string]bool // roots of the round before of which something may still be told

	mu        sync.Mutex
	receivers []*otlp.Receiver // of this round
	absent    bool             // the last one was closed, and none has come in its place
	brokenOff bool             // a receiver was closed, perhaps in the middle of a request
	windows   []judge.Window
	away      *judge.Window // since when it does not run
	starts    int
}

func (n *node) newWatcher(name string) *watcher {
	n.Helper()
	w := &watcher{node: n, name: name, health: freeAddress(n)}
	var err error
	if w.proxy, err = socketproxy.Start(n.daemon.Socket); err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() { w.proxy.Close() })
	receiver, err := otlp.Start()
	if err != nil {
		n.Fatal(err)
	}
	w.address, w.receivers = receiver.Address(), []*otlp.Receiver{receiver}
	n.Cleanup(func() { w.receiver().Close() })
	w.away = &judge.Window{Fault: "not started", Effect: judge.Away}
	return w
}

func freeAddress(n *node) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		n.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start starts the process. It watches once it has looked.
func (w *watcher) start() {
	w.Helper()
	w.process = pulltrace.Start(w, pulltrace.Config{
		Socket: w.proxy.Socket, Endpoint: "http://" + w.address,
		Flags: []string{"--health-address=" + w.health, "--log-level=info"},
		Env:   []string{"OTEL_METRIC_EXPORT_INTERVAL=1000"},
	})
	w.mu.Lock()
	w.starts++
	start := w.starts
	w.mu.Unlock()
	go w.waitReady(start)
}

// waitReady notes when a process has looked at containerd for the first time.
func (w *watcher) waitReady(start int) {
	for w.Context().Err() == nil {
		if w.isReady() {
			time.Sleep(begins)
			w.mu.Lock()
			defer w.mu.Unlock()
			if start == w.starts && w.away != nil {
				w.away.To = w.now()
				w.windows = append(w.windows, *w.away)
				w.away = nil
			}
			return
		}
		time.Sleep(20 * time.Millisecond)
		if w.isOver(start) {
			return
		}
	}
}

func (w *watcher) isReady() bool {
	answer, err := http.Get("http://" + w.health + "/readyz")
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

func (w *watcher) isOver(start int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return start != w.starts
}

func (w *watcher) watches() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.away == nil
}

// ended notes that the process has ended, and since when nothing is told.
func (w *watcher) ended(fault string, since time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.starts++ // whoever waits for it waits no more
	if w.away == nil {
		w.away = &judge.Window{Fault: fault, Effect: judge.Away, From: since}
	}
}

func (w *watcher) note(window judge.Window) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last := len(w.windows) - 1; last >= 0 && w.windows[last].Fault == window.Fault && w.windows[last].Effect == window.Effect && w.windows[last].To >= window.From {
		w.windows[last].To = window.To
		return
	}
	w.windows = append(w.windows, window)
}

// wrong are the times in which something was wrong for this Pulltrace. From the end of
// containerd, or of its event stream, no event comes until it has subscribed again.
func (w *watcher) wrong() []judge.Window {
	w.mu.Lock()
	defer w.mu.Unlock()
	windows := slices.Clone(w.windows)
	if w.away != nil {
		still := *w.away
		still.To = w.now()
		windows = append(windows, still)
	}
	for _, broken := range windows {
		if broken.Effect != judge.Down && broken.Effect != judge.Deaf {
			continue
		}
		deaf := judge.Window{Fault: broken.Fault, Effect: judge.Deaf, From: broken.From, To: w.hears(broken.To)}
		for _, before := range windows { // events that were not taken by then go with the stream
			if before.Effect == judge.Blind && before.From < broken.From && before.To+time.Second > broken.From {
				deaf.From = min(deaf.From, before.From)
			}
		}
		windows = append(windows, deaf)
	}
	return windows
}

// hears is when the event stream is open again after a time. One that does not open is tried
// again after a second, and one that is open is not.
func (w *watcher) hears(after time.Duration) time.Duration {
	const tried = 1500 * time.Millisecond
	open := after
	for _, call := range w.proxy.Calls() {
		if at := w.at(call.Start); call.Method == subscribe && at > after && (open == after || at < open+tried) {
			open = at
		}
	}
	return open + begins
}

// receiver is the receiver that is there, or was there last.
func (w *watcher) receiver() *otlp.Receiver {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.receivers[len(w.receivers)-1]
}

// received are all the receivers of this round.
func (w *watcher) received() []*otlp.Receiver {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.receivers)
}

// breakOff closes the receiver, whatever it is being sent.
func (w *watcher) breakOff() {
	w.receiver().Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.absent, w.brokenOff = true, true
}

// returns puts a new receiver in the place of the one that was closed.
func (w *watcher) returns() {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.absent {
		return
	}
	receiver, err := otlp.StartOn(w.address)
	if err != nil {
		w.Fatalf("the receiver cannot come back: %v", err)
	}
	w.receivers, w.absent = append(w.receivers, receiver), false
}

// spans are those of pulls that have come in this round.
func (w *watcher) spans() []judge.Span {
	var spans []judge.Span
	guessed := map[string]map[string]bool{} // layers by trace
	for _, r := range w.received() {
		for _, s := range r.Spans("") {
			switch {
			case s.Name == "layer" && estimated(s, "download.bytes"):
				if guessed[s.TraceID] == nil {
					guessed[s.TraceID] = map[string]bool{}
				}
				guessed[s.TraceID][s.SpanID] = true
			case s.Name == "pull image":
				spans = append(spans, w.spanOf(s))
			}
		}
	}
	for i := range spans {
		spans[i].Guessed = len(guessed[spans[i].Trace])
	}
	return spans
}

func (w *watcher) spanOf(s otlp.Span) judge.Span {
	text := func(key string) string { return fmt.Sprint(s.Attributes[key]) }
	downloaded, _ := s.Attributes["pulltrace.pull.bytes.downloaded"].(int64)
	name, _ := s.Attributes["container.image.name"].(string)
	return judge.Span{
		Trace: s.TraceID, ID: s.SpanID, Namespace: text("pulltrace.containerd.namespace"), Root: text("oci.manifest.digest"),
		Name: name, Outcome: text("pulltrace.pull.outcome"), Downloaded: downloaded,
		Lost: estimated(s, "download.bytes"), Start: w.at(s.Start), End: w.at(s.End), Estimated: list(s),
	}
}

func estimated(s otlp.Span, what string) bool {
	list, _ := s.Attributes["pulltrace.estimated"].([]any)
	return slices.Contains(list, any(what))
}

func list(s otlp.Span) string {
	list, _ := s.Attributes["pulltrace.estimated"].([]any)
	return strings.Trim(fmt.Sprint(list), "[]")
}

// forget drops what is known of a round.
func (w *watcher) forget() {
	w.proxy.Forget()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.windows, w.brokenOff = nil, false
	w.receivers = w.receivers[len(w.receivers)-1:]
	w.receivers[0].Forget()
}

// renewed makes the proxy's socket as old as containerd is, as containerd's own would be.
func (w *watcher) renewed() {
	w.Helper()
	now := time.Now()
	if err := os.Chtimes(w.proxy.Socket, now, now); err != nil {
		w.Error(err)
	}
}
