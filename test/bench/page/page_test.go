package page

import (
	"strings"
	"testing"
	"time"
)

// good is a report that meets all goals, by little.
func good() *Report {
	window := func(watcher, containerd, exporter time.Duration) Window {
		const took = 10 * time.Second
		return Window{
			Watcher:    Usage{Took: took, CPU: watcher, Switches: 200, Resident: 30 * mib, Peak: 40 * mib},
			Containerd: Usage{Took: took, CPU: containerd},
			Exporter:   Usage{Took: took, CPU: exporter, Resident: 30 * mib, Peak: 31 * mib},
			Exported:   5000,
			Count:      2,
			Lasted:     8 * time.Second,
		}
	}
	calls := Calls{Count: 50, Took: 10 * time.Second, Busiest: 10}
	return &Report{
		Facts: [][2]string{{"machine", "two cores"}},
		Scenes: []Scene{
			{Key: Idle, Name: "nobody pulls", Alone: window(0, 10*time.Millisecond, 0), Pulltrace: window(5*time.Millisecond, 11*time.Millisecond, 10*time.Millisecond), Calls: calls},
			{Key: Open, Name: "100 layers", Alone: window(0, 100*time.Millisecond, 0), Pulltrace: window(30*time.Millisecond, 115*time.Millisecond, 10*time.Millisecond), Calls: calls},
			{Key: Kubernetes, Name: "110 pods", Pulltrace: window(1, 1, 1), Calls: calls},
			{Name: "a burst", Event: true, Ending: true, Alone: window(0, time.Second, 0), Pulltrace: window(time.Second, 2*time.Second, 1), Calls: Calls{Busiest: 500}},
		},
		Features:  []Feature{{"the defaults", window(30*time.Millisecond, 1, 1)}, {"another", window(60*time.Millisecond, 1, 1)}},
		FirstSeen: []time.Duration{30 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond},
		Told:      []time.Duration{100 * time.Millisecond, 300 * time.Millisecond},
		Pairs:     []Pair{{2 * time.Second, 2 * time.Second}, {2 * time.Second, 3 * time.Second}, {2 * time.Second, time.Second}},
	}
}

// Each goal is met by the good report, and missed where one number is worse.
func TestGoals(t *testing.T) {
	for _, g := range good().Goals() {
		if !g.Met {
			t.Errorf("%s: %s is not at most %s", g.What, g.Measured, g.Limit)
		}
	}
	for goal, worse := range map[int]func(*Report){
		0: func(r *Report) { r.Scenes[0].Pulltrace.Watcher.CPU += time.Millisecond },
		1: func(r *Report) { r.Scenes[1].Pulltrace.Watcher.CPU += time.Millisecond },
		2: func(r *Report) { r.Scenes[1].Pulltrace.Containerd.CPU += time.Millisecond },
		3: func(r *Report) { r.Scenes[2].Pulltrace.Watcher.Resident++ },
		4: func(r *Report) { r.Scenes[3].Pulltrace.Watcher.Peak = 49 * mib },
		5: func(r *Report) { r.Scenes[1].Calls.Busiest++ },
	} {
		r := good()
		worse(r)
		for i, g := range r.Goals() {
			if missed := i == goal; g.Met == missed {
				t.Errorf("goal %d made worse: %q is met: %t (%s, at most %s)", goal, g.What, g.Met, g.Measured, g.Limit)
			}
		}
	}
}

// What was not measured meets no goal.
func TestNothingMeasuredMeetsNoGoal(t *testing.T) {
	for _, g := range new(Report).Goals() {
		if g.Met {
			t.Errorf("%s is met by nothing", g.What)
		}
	}
}

// The numbers stand where they belong.
func TestMarkdown(t *testing.T) {
	r := good()
	r.Scenes[1].Pulltrace.Watcher.CPU = 60 * time.Millisecond
	page := r.Markdown()
	for _, want := range []string{
		"| machine | two cores |",
		"| CPU on an idle node, of node_exporter's | ×0.50 | ×0.50 | met |",
		"| CPU while 100 layers are open, of a core | 0.3 % | 0.6 % | **missed** |",
		"| most resident memory, of all scenes | 48.0 MiB | 40.0 MiB (nobody pulls) | met |",
		"| calls on containerd in the busiest second, where no pull ends | 10 | 10 (nobody pulls) | met |",
		"| 100 layers | 0.6 % (×6.00) | 0 % | 0.1 % | 1 % | 0 % (×0.00) | 1.15 % (×1.15) |",
		"| 100 layers | 30.0 (40.0) | 0.0 (0.0) | 30.0 (31.0) | 20 | 0 | 0 | 5.0 (10) | 500 |",
		"| a burst | 4.00 s | 0.00 s (×0.00) | 4.00 s (×1.00) | 0.50 s | 0.00 s (×0.00) | 1.00 s (×2.00) | 0.50 s | 0.00 s | 0.00 s |",
		"| a burst | 30.0 (40.0) | 0.0 (500) | 2500 |",
		"| another | 0.6 % (×2.00) | 30.0 (40.0) | 500 (×1.00) |",
		"| from the first byte until bytes of the pull have arrived as a metric | 20 ms | 30 ms | 30 ms |",
		"3 pairs of pulls",
		"**×1.00** in the middle, half of the pairs between ×0.50 and ×1.50",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(page)
	}
}

func TestUsageOfTwoWindows(t *testing.T) {
	a := Usage{Took: time.Second, CPU: time.Millisecond, Switches: 3, Resident: 5, Peak: 9}
	b := Usage{Took: 3 * time.Second, CPU: 7 * time.Millisecond, Switches: 1, Resident: 6, Peak: 8}
	if got, want := a.And(b), (Usage{Took: 4 * time.Second, CPU: 8 * time.Millisecond, Switches: 4, Resident: 6, Peak: 9}); got != want {
		t.Errorf("together %+v, want %+v", got, want)
	}
	if got := a.And(b).Core(); got != 0.002 {
		t.Errorf("%g of a core, want 0.002", got)
	}
}

func TestQuantile(t *testing.T) {
	values := []int{5, 1, 4, 2, 3}
	for part, want := range map[float64]int{0: 1, 0.5: 3, 0.99: 5, 1: 5} {
		if got := quantile(values, part); got != want {
			t.Errorf("the quantile %g is %d, want %d", part, got, want)
		}
	}
	if got := quantile([]int(nil), 0.5); got != 0 {
		t.Errorf("that of nothing is %d", got)
	}
}
