//go:build linux

package soak

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/leases"

	"github.com/pulltrace/pulltrace/test/conventions"
	"github.com/pulltrace/pulltrace/test/soak/judge"
)

const (
	// arrival is for how long what must be told may be late: exports that were refused are sent
	// again after some seconds, and a dead pull is told 5 s after it was taken over.
	arrival = 40 * time.Second
	// quiet is how long to wait for what must not come.
	quiet = 2 * time.Second
	// toldAtLeast is the part of all pulls that must be told: reasons are no way out.
	toldAtLeast = 0.5
)

// tally is what was found of one Pulltrace over all rounds.
type tally struct {
	pulls, told, unsure, again int
	excused                    map[string]int
}

// judge waits for what must be told of this round, and holds all that was told against it.
func (r *round) judge() {
	r.Helper()
	r.waitWatching()
	deadline := r.now() + arrival
	for _, w := range r.watchers() {
		for r.now() < deadline && slices.ContainsFunc(r.verdict(w).Complaints, func(c judge.Complaint) bool { return c.Kind == judge.Missing }) {
			time.Sleep(250 * time.Millisecond)
		}
	}
	time.Sleep(quiet)
	for _, w := range r.watchers() {
		v := r.verdict(w)
		w.tally.add(v, len(r.pulls))
		r.Logf("round %d, pulltrace %s: %d pulls, %d told, %d have a reason to be not", r.number, w.name, len(r.pulls), v.Told, len(v.Excused))
		w.late = map[string]bool{}
		for _, e := range v.Excused {
			r.Logf("  not told: %s: %s", e.Pull, e.Reason)
			// What a killed client has left may be told once it is removed, in the next round.
			w.late[e.Pull.Image.Root] = e.Pull.Until > 0
		}
		for _, c := range v.Complaints {
			r.Errorf("round %d, pulltrace %s: %s", r.number, w.name, c)
		}
		if len(v.Complaints) > 0 {
			for _, s := range w.spans() {
				r.Logf("  told: %s", s)
			}
			r.Logf("what was wrong for pulltrace %s:\n%s", w.name, windowsText(w.wrong()))
		}
		w.checkDeclared()
	}
	r.kept.checkIdle(time.Now())
}

func (r *round) verdict(w *watcher) judge.Verdict {
	windows := w.wrong()
	w.mu.Lock()
	brokenOff := w.brokenOff
	w.mu.Unlock()
	spans := slices.DeleteFunc(w.spans(), func(s judge.Span) bool { return w.late[s.Root] })
	return judge.Judge(r.truth(windows), spans, windows, brokenOff)
}

func (t *tally) add(v judge.Verdict, pulls int) {
	t.pulls, t.told, t.unsure, t.again = t.pulls+pulls, t.told+v.Told, t.unsure+v.Unsure, t.again+v.Again
	if t.excused == nil {
		t.excused = map[string]int{}
	}
	for _, e := range v.Excused {
		t.excused[e.Reason]++
	}
}

func windowsText(windows []judge.Window) string {
	var text strings.Builder
	for _, w := range windows {
		fmt.Fprintf(&text, "%8.2f to %8.2f s  %s: %s\n", w.From.Seconds(), w.To.Seconds(), w.Fault, w.Effect)
	}
	return text.String()
}

var declared = sync.OnceValues(conventions.Load)

// checkDeclared holds what was emitted in this round against the registry of names.
func (w *watcher) checkDeclared() {
	w.Helper()
	names, err := declared()
	if err != nil {
		w.Fatal(err)
	}
	for _, r := range w.received() {
		for _, problem := range names.Check(r) {
			w.Error(problem)
		}
	}
}

// checkIdle makes sure that after all pulls have ended none is told to run, as soon as metrics
// of then have come.
func (w *watcher) checkIdle(since time.Time) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), arrival)
	defer cancel()
	last := map[string]float64{}
	err := w.receiver().Wait(ctx, "metrics after the pulls", func() bool {
		clear(last)
		for _, p := range w.receiver().Points("pulltrace.pull.active") {
			if p.Time.After(since) {
				last[p.Attributes.String()] = p.Value
			}
		}
		return len(last) > 0
	})
	if err != nil {
		w.Error(err)
	}
	for attributes, value := range last {
		if value != 0 {
			w.Errorf("%g pulls are told to run after all have ended: %s", value, attributes)
		}
	}
}

// clear removes the images of a round and what killed clients have left, and forgets it.
func (r *round) clear() {
	r.Helper()
	for _, namespace := range []string{"k8s.io", "default"} {
		c, err := r.client(namespace)
		if err != nil {
			r.Fatal(err)
		}
		records, err := c.ImageService().List(r.Context())
		if err != nil {
			r.Fatal(err)
		}
		for _, record := range records {
			if record.Target.Digest == r.flooded.Root.Digest {
				continue
			}
			if err := c.ImageService().Delete(r.Context(), record.Name); err != nil {
				r.Errorf("deleting %s: %v", record.Name, err)
			}
		}
		left, err := c.LeasesService().List(r.Context())
		if err != nil {
			r.Fatal(err)
		}
		for _, l := range left {
			if err := c.LeasesService().Delete(r.Context(), l, leases.SynchronousDelete); err != nil {
				r.Errorf("deleting a lease: %v", err)
			}
		}
		c.Close()
	}
	r.registry.Close()
	time.Sleep(quiet)
	for _, w := range r.watchers() {
		r.checkAfterwards(w)
		w.forget()
	}
}

// checkAfterwards makes sure that nothing is told twice when what killed clients have left is
// gone: of those that nobody saw another one go on with, it is the end.
func (r *round) checkAfterwards(w *watcher) {
	r.Helper()
	for _, c := range r.verdict(w).Complaints {
		if c.Kind == judge.Double || c.Kind == judge.Invented {
			r.Errorf("round %d, pulltrace %s, after it: %s", r.number, w.name, c)
		}
	}
}

// summary tells what came of all rounds.
func (n *node) summary() {
	n.Helper()
	for _, w := range n.watchers() {
		t := w.tally
		text := fmt.Sprintf("pulltrace %s: %d pulls, %d told, of which %d may be told in any way, %d spans sent again", w.name, t.pulls, t.told, t.unsure, t.again)
		for _, reason := range slices.Sorted(maps.Keys(t.excused)) {
			text += fmt.Sprintf("\n%5d not told: %s", t.excused[reason], reason)
		}
		n.Log(text)
		if float64(t.told) < toldAtLeast*float64(t.pulls) {
			n.Errorf("pulltrace %s has told of %d pulls of %d: too few for this to show anything", w.name, t.told, t.pulls)
		}
	}
	n.Logf("what went wrong, and how often:\n%s\n%d image events were made", n.fault, n.floodEvents.Load())
}
