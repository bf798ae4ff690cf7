//go:build linux

package bench

import (
	"path"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/bench/page"
	"github.com/pulltrace/pulltrace/test/bench/process"
	"github.com/pulltrace/pulltrace/test/socketproxy"
)

// tail is how long after the end of what has happened it is still measured.
const tail = 3 * time.Second

// play measures a scene, and keeps what came of it. States are measured on one node, one
// watcher after the other; what happens and is over happens anew to a fresh node each time.
func (b *bench) play(t *testing.T, s scene) {
	t.Helper()
	got := page.Scene{Key: s.key, Name: s.name, Event: s.event != nil, Ending: s.ending}
	measure := func(n *node) {
		for range max(1, s.rounds) {
			got.Alone = got.Alone.And(n.window(s, n.nobody))
			got.Loop = got.Loop.And(n.window(s, n.loop))
			got.Pulltrace = got.Pulltrace.And(n.window(s, n.pulltrace))
		}
		got.Calls = n.calls(s)
	}
	if s.event == nil {
		measure(b.newPrepared(t, s))
	} else {
		for range max(1, s.rounds) {
			t.Run("alone", func(t *testing.T) { n := b.newPrepared(t, s); got.Alone = got.Alone.And(n.window(s, n.nobody)) })
			t.Run("loop", func(t *testing.T) { n := b.newPrepared(t, s); got.Loop = got.Loop.And(n.window(s, n.loop)) })
			t.Run("pulltrace", func(t *testing.T) {
				n := b.newPrepared(t, s)
				got.Pulltrace = got.Pulltrace.And(n.window(s, n.pulltrace))
			})
		}
		t.Run("calls", func(t *testing.T) { got.Calls = b.newPrepared(t, s).calls(s) })
	}
	b.checkMeasured(t, got)
	b.report.Scenes = append(b.report.Scenes, got)
}

func (b *bench) newPrepared(t *testing.T, s scene) *node {
	t.Helper()
	n := b.newNode(t)
	if s.prepare != nil {
		s.prepare(n)
		time.Sleep(s.rest)
	}
	return n
}

// checkMeasured fails where a part of the scene did nothing at all.
func (b *bench) checkMeasured(t *testing.T, s page.Scene) {
	t.Helper()
	long := b.counted > idleInterval // else a program may have had nothing to do
	for what, missing := range map[string]bool{
		"CPU time of Pulltrace":     s.Pulltrace.Watcher.CPU <= 0,
		"CPU time of the bare loop": s.Loop.Watcher.CPU <= 0 && long,
		"CPU time of containerd":    s.Alone.Containerd.CPU <= 0 && long,
		"CPU time of node_exporter": s.Pulltrace.Exporter.CPU <= 0 && long && !s.Event,
		"memory of Pulltrace":       s.Pulltrace.Watcher.Resident <= 0,
		"memory of node_exporter":   s.Pulltrace.Exporter.Resident <= 0,
		"calls on containerd":       s.Calls.Count == 0 && (s.Event || long),
	} {
		if missing {
			t.Errorf("there is no %s", what)
		}
	}
}

// samples are those of all programs that are measured.
type samples struct{ watcher, containerd, exporter process.Sample }

func (n *node) samples(w watcher) (s samples) {
	n.Helper()
	read := func(pid int) process.Sample {
		got, err := process.Read(pid)
		if err != nil {
			n.Fatal(err)
		}
		return got
	}
	if w.pid != 0 {
		s.watcher = read(w.pid)
	}
	s.containerd, s.exporter = read(n.daemon.PID()), read(n.exporter.PID)
	return s
}

func used(before, after process.Sample) page.Usage {
	return page.Usage{
		Took: after.At.Sub(before.At), CPU: after.CPU - before.CPU, Switches: after.Switches - before.Switches,
		Resident: after.Resident, Peak: after.Peak,
	}
}

// window measures while somebody watches.
func (n *node) window(s scene, start func(scene) watcher) page.Window {
	n.Helper()
	began := time.Now()
	w := start(s)
	defer w.stop()
	time.Sleep(n.settle + s.settle)
	before, exported := n.samples(w), n.receiver.Bytes()
	lasted := n.happen(s, n.bench.window)
	after := n.samples(w)
	got := page.Window{
		Watcher:    used(before.watcher, after.watcher),
		Containerd: used(before.containerd, after.containerd),
		Exporter:   used(before.exporter, after.exporter),
		Exported:   n.receiver.Bytes() - exported,
		Count:      1, Lasted: lasted,
	}
	if s.check != nil && w.product {
		s.check(n, began)
	}
	n.Logf("watcher %.3f %% of a core, %.1f MiB; containerd %.3f %%; node_exporter %.3f %%; %s",
		100*got.Watcher.Core(), float64(got.Watcher.Resident)/(1<<20), 100*got.Containerd.Core(), 100*got.Exporter.Core(), lasted)
	return got
}

// happen lets happen what the scene has, and returns how long that took; or lets time pass.
func (n *node) happen(s scene, pass time.Duration) time.Duration {
	n.Helper()
	began := time.Now()
	if s.event == nil {
		time.Sleep(pass)
		return time.Since(began)
	}
	s.event(n)
	lasted := time.Since(began)
	time.Sleep(tail)
	return lasted
}

// calls counts the calls of Pulltrace on containerd.
func (n *node) calls(s scene) page.Calls {
	n.Helper()
	p := n.startPulltrace(n.proxy.Socket)
	defer p.Stop()
	time.Sleep(n.settle + s.settle)
	before, began := len(n.proxy.Calls()), time.Now()
	n.happen(s, n.counted)
	took, calls := time.Since(began), n.proxy.Calls()[before:]
	if s.check != nil {
		s.check(n, p.Started)
	}
	n.Logf("%d calls in %s: %v", len(calls), took, byMethod(calls))
	return page.Calls{Count: len(calls), Took: took, Busiest: socketproxy.Busiest(calls)}
}

// byMethod is how often each method was called.
func byMethod(calls []socketproxy.Call) map[string]int {
	counts := make(map[string]int)
	for _, c := range calls {
		counts[path.Base(c.Method)]++
	}
	return counts
}
