package scale

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var (
	nodeCount = flag.Int("nodes", 20, "how many nodes there are")
	pastTime  = flag.Duration("past", 40*time.Minute, "how much of their past there is")
	pageFile  = flag.String("page", "", "measure, and write the page to this file")
)

const (
	future = time.Hour       // in which all must be measured
	settle = 2 * time.Minute // of the future, before it is
)

// All that the dashboards ask is answered with the series of many nodes, which are those that
// a Pulltrace pushes.
func TestDashboards(t *testing.T) {
	b := newBench(t, *nodeCount, span{*pastTime, future})
	b.waitPushed(t)
	b.checkSeries(t)
	b.checkPulls(t)
	b.checkLayers(t)
	if *pageFile != "" {
		b.waitRecorded(t)
		time.Sleep(time.Until(b.start.Add(settle)))
	}
	paths, err := filepath.Glob(dashboards + "*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no dashboards: %v", err)
	}
	r := b.beginReport(t)
	for of := range views {
		for _, path := range paths {
			b.measure(t, r, path, of)
		}
	}
	b.checkPulls(t) // all have pushed to the end
	b.checkRecorded(t)
	if *pageFile == "" {
		return
	}
	b.finish(t, r)
	if err := os.WriteFile(*pageFile, []byte(r.markdown(b.fleet, b.nodes)), 0o644); err != nil {
		t.Fatal(err)
	}
}
