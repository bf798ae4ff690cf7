package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/otlp"
)

// A row compares what pulltrace told of a pull with what is true.
type row struct {
	test         string
	start, end   time.Duration // span minus CRI call
	told, served int64         // bytes
}

var report struct {
	sync.Mutex
	rows      []row
	downloads []time.Duration            // start of a download span minus the registry's GET
	records   map[string][]time.Duration // end of a step minus containerd's record of it, by its name
	calls     map[string]int             // by method
}

// What spans may be off, over all pulls. A single one may be late because the
// machine is; if many are, it is Pulltrace.
const (
	medianBound    = 20 * time.Millisecond
	nineInTenBound = 50 * time.Millisecond
	enoughToJudge  = 20 // of what was measured
)

// TestMain prints what was measured once all tests have run, and holds it
// against the bounds. Of the whole suite it asks that it made pulltrace emit all
// that is declared.
func TestMain(m *testing.M) {
	go watchMachine()
	code := m.Run()
	printReport()
	var starts, ends []time.Duration
	for _, r := range report.rows {
		starts, ends = append(starts, r.start), append(ends, r.end)
	}
	for what, off := range map[string][]time.Duration{
		"pulls start": starts, "pulls end": ends, "downloads start": report.downloads,
		"downloads end": report.records["download"], "unpacks end": report.records["unpack"],
	} {
		if !withinBounds(what, off) {
			code = max(code, 1)
		}
	}
	if code == 0 && !allEmitted() {
		code = 1
	}
	os.Exit(code)
}

// withinBounds tells how far off something is as a rule, and whether that is
// little enough.
func withinBounds(what string, off []time.Duration) bool {
	if len(off) < enoughToJudge {
		return true
	}
	slices.SortFunc(off, func(a, b time.Duration) int { return cmp.Compare(a.Abs(), b.Abs()) })
	median, most := off[len(off)/2].Abs(), off[len(off)*9/10].Abs()
	fmt.Printf("%s %.1f ms off (median of %d), nine in ten at most %.1f ms\n", what, milliseconds(median), len(off), milliseconds(most))
	return median <= medianBound && most <= nineInTenBound
}

// record adds a row to the report.
func (n *node) record(span otlp.Span, pull cri.Pull, served int64) {
	report.Lock()
	defer report.Unlock()
	told, _ := span.Attributes["pulltrace.pull.bytes.downloaded"].(int64)
	report.rows = append(report.rows, row{
		test: n.Name(), start: span.Start.Sub(n.begin(span, pull)), end: span.End.Sub(pull.End), told: told, served: served,
	})
}

// recordDownload adds how far the start of a download is off.
func recordDownload(off time.Duration) {
	report.Lock()
	defer report.Unlock()
	report.downloads = append(report.downloads, off)
}

// recordEnd adds how far the end of a step is off containerd's record of it.
func recordEnd(step string, off time.Duration) {
	report.Lock()
	defer report.Unlock()
	if report.records == nil {
		report.records = map[string][]time.Duration{}
	}
	report.records[step] = append(report.records[step], off)
}

func countCall(method string) {
	report.Lock()
	defer report.Unlock()
	if report.calls == nil {
		report.calls = map[string]int{}
	}
	report.calls[method]++
}

func printReport() {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "start diff, ms\tend diff, ms\tbytes told\tbytes served\ttest\t")
	slices.SortStableFunc(report.rows, func(a, b row) int { return cmp.Compare(a.test, b.test) })
	for _, r := range report.rows {
		fmt.Fprintf(w, "%+.1f\t%+.1f\t%d\t%d\t%s\t\n", milliseconds(r.start), milliseconds(r.end), r.told, r.served, r.test)
	}
	fmt.Fprintln(w, "\t\t\tcalls\tmethod\t")
	for _, method := range slices.Sorted(maps.Keys(report.calls)) {
		fmt.Fprintf(w, "\t\t\t%d\t%s\t\n", report.calls[method], method)
	}
	w.Flush()
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
