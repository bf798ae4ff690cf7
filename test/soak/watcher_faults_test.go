//go:build linux

package soak

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"

	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/pulltrace"
	"github.com/pulltrace/pulltrace/test/soak/judge"
)

// endings are the ways in which Pulltrace itself ends, to be started again.
func (w *watcher) endings() []fault {
	ending := func(name string, before time.Duration, end func(*pulltrace.Process)) fault {
		return fault{name, time.Second, func(*rand.Rand) func() {
			since := w.now() - before
			end(w.process)
			w.ended(name, since)
			return w.start
		}}
	}
	return []fault{
		ending("Pulltrace killed", unsent, (*pulltrace.Process).Kill),
		ending("Pulltrace restarted", 0, (*pulltrace.Process).Stop),
	}
}

// processFaults are what can happen to Pulltrace while it runs.
func (w *watcher) processFaults() []fault {
	return []fault{
		{"Pulltrace stopped by a signal", 3 * time.Second, func(*rand.Rand) func() {
			done, lost := w.during("Pulltrace stopped by a signal", judge.Blind, w), w.during("Pulltrace stopped by a signal", judge.Lost, w)
			w.process.Signal(syscall.SIGSTOP)
			return func() { w.process.Signal(syscall.SIGCONT); done(); lost() }
		}},
		{"Pulltrace throttled", 4 * time.Second, func(*rand.Rand) func() {
			done, lost := w.during("Pulltrace throttled", judge.Blind, w), w.during("Pulltrace throttled", judge.Lost, w)
			w.cgroup.throttle(w)
			return func() { w.cgroup.release(w); done(); lost() }
		}},
		{"Pulltrace without descriptors", 4 * time.Second, func(*rand.Rand) func() {
			done := w.during("Pulltrace without descriptors", judge.Lost, w)
			restore := w.limitDescriptors()
			w.breakOff() // it has to connect anew
			w.returns()
			return func() { restore(); done() }
		}},
	}
}

// limitDescriptors lets the process open nothing any more.
func (w *watcher) limitDescriptors() (restore func()) {
	w.Helper()
	var before unix.Rlimit
	pid := w.process.PID()
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &before); err != nil {
		w.Fatal(err)
	}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1, Max: before.Max}, nil); err != nil {
		w.Fatal(err)
	}
	return func() {
		if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &before, nil); err != nil {
			w.Error(err)
		}
	}
}

// receiverFaults are what can be wrong with the receiver of OTLP.
func (w *watcher) receiverFaults() []fault {
	list := []fault{
		{"receiver away", 4 * time.Second, func(*rand.Rand) func() {
			done := w.during("receiver away", judge.Lost, w)
			w.breakOff()
			return func() { w.returns(); done() }
		}},
		{"receiver slow", 4 * time.Second, func(*rand.Rand) func() {
			w.receiver().Delay(2 * time.Second)
			return func() { w.receiver().Delay(0) }
		}},
	}
	for _, signal := range []otlp.Signal{otlp.Traces, otlp.Metrics, otlp.Logs} {
		list = append(list, fault{fmt.Sprintf("receiver refuses %s", signal), 4 * time.Second, func(*rand.Rand) func() {
			done := func() {}
			if signal == otlp.Traces {
				done = w.during("receiver refuses traces", judge.Lost, w)
			}
			w.receiver().RefuseOnly(signal, codes.Unavailable)
			return func() { w.receiver().RefuseOnly(signal, codes.OK); done() }
		}})
	}
	return list
}

// methods are those of containerd that Pulltrace calls, but for the event stream.
var methods = []string{
	"/containerd.services.content.v1.Content/Info",
	"/containerd.services.content.v1.Content/ListStatuses",
	"/containerd.services.content.v1.Content/Read",
	"/containerd.services.images.v1.Images/Get",
	"/containerd.services.images.v1.Images/List",
	"/containerd.services.introspection.v1.Introspection/Server",
	"/containerd.services.leases.v1.Leases/List",
	"/containerd.services.leases.v1.Leases/ListResources",
	"/containerd.services.namespaces.v1.Namespaces/List",
	"/containerd.services.snapshots.v1.Snapshots/Stat",
	"/containerd.services.version.v1.Version/Version",
}

// refusals are the answers of a method that fails.
var refusals = []codes.Code{codes.Unavailable, codes.DeadlineExceeded, codes.Unknown, codes.ResourceExhausted}

// callFaults are what can be wrong with the calls of Pulltrace to containerd.
func (w *watcher) callFaults() []fault {
	const slow, fails, stream, namespace = "containerd slow, 200 ms a call", "one method fails", "event stream fails", "one namespace fails"
	return []fault{
		{slow, 4 * time.Second, func(*rand.Rand) func() {
			done := w.during(slow, judge.Blind, w)
			for _, m := range append(methods, subscribe) {
				w.proxy.Delay(m, 200*time.Millisecond)
			}
			return func() {
				for _, m := range append(methods, subscribe) {
					w.proxy.Mend(m)
				}
				done()
			}
		}},
		{fails, 4 * time.Second, func(r *rand.Rand) func() {
			m := choose(r, methods)
			done := w.during(fails+": "+m, judge.Blind, w)
			w.proxy.Refuse(m, choose(r, refusals))
			return func() { w.proxy.Mend(m); done() }
		}},
		{stream, 4 * time.Second, func(*rand.Rand) func() {
			done := w.during(stream, judge.Deaf, w)
			w.proxy.Cut(subscribe)
			return func() { w.proxy.Mend(subscribe); done() }
		}},
		{namespace, 4 * time.Second, func(r *rand.Rand) func() {
			name, m := choose(r, []string{"k8s.io", "default"}), choose(r, methods[6:8])
			done := w.during(namespace+": "+name, judge.Blind, w)
			w.proxy.RefuseIn(name, m, choose(r, refusals), between(r, 0, time.Second))
			return func() { w.proxy.Mend(m); done() }
		}},
	}
}
