package peers

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/pulltrace/pulltrace/test/registry"
)

// after are the times at which is asked what is still shown.
var after = []time.Duration{time.Second, 30 * time.Second, 60 * time.Second, 300 * time.Second}

// live is the series that is asked for, plainly and in the form that is right.
const live = "pulltrace_image_downloaded_bytes"

// shown is what a way shows of a live series at each time of after.
type shown struct {
	way   way
	since time.Time
	want  string // what is shown at each time: x, - for nothing, ? for either
	aged  string // the same of samples that are less than 30 s old
}

// checkShown holds what is shown of an image's live series at times after an event.
func (n *node) checkShown(tb *table, event string, img *registry.Image, all ...shown) {
	n.Helper()
	for _, s := range all {
		series := fmt.Sprintf("%s{%s,oci_manifest_digest=%q}", live, s.way.selector(), img.Root.Digest)
		aged := fmt.Sprintf("%s and (timestamp(%[1]s) > time() - 30)", series)
		got, gotAged := n.shownAt(series, s.since), n.shownAt(aged, s.since)
		if !matches(got, s.want) || !matches(gotAged, s.aged) {
			n.Errorf("%s, by %s: shown %s and by age %s, want %s and %s", event, s.way.name, got, gotAged, s.want, s.aged)
		}
		cells := []string{event, s.way.name}
		for i := range after {
			cells = append(cells, string(got[i]), string(gotAged[i]))
		}
		tb.add(cells...)
	}
}

// shownAt asks at each time of after. What was not scraped or pushed by then does not
// come in later with an earlier time, so it need not be asked at that time.
func (n *node) shownAt(query string, since time.Time) string {
	n.Helper()
	var text strings.Builder
	for _, d := range after {
		mark := "x"
		if math.IsNaN(n.value(query, since.Add(d))) {
			mark = "-"
		}
		text.WriteString(mark)
	}
	return text.String()
}

func matches(got, want string) bool {
	return slices.EqualFunc([]byte(got), []byte(want), func(g, w byte) bool { return g == w || w == '?' })
}

// checkStaleness holds what Prometheus shows of a pull that is over, and of one whose
// Pulltrace was killed in its middle.
func (n *node) checkStaleness(tr *truth) {
	n.Helper()
	tb := &table{}
	header := []string{"what", "by"}
	for _, d := range after {
		header = append(header, "+"+d.String(), "by age")
	}
	tb.add(header...)

	dying := n.push("team/dying:1", nil, 4*mib)
	n.registry.SetFaults(dying.Layers[0].Digest, registry.StallAt(2*mib))
	ctx, cancel := context.WithCancel(n.Context())
	defer cancel()
	done := n.cri.Start(ctx, dying.Ref())
	// By then a Pulltrace that is scraped has let go of the pull that is over.
	n.killAfterExport(dying, tr.large.End.Add(30*time.Second+interval+arrival))
	heard := make(map[way]time.Time)
	for _, w := range timely {
		heard[w] = n.lastSample(w, dying)
	}
	cancel()
	<-done
	// The Collector goes on to show what it got last, in real time.
	time.Sleep(time.Until(heard[byCollector].Add(after[len(after)-1] + arrival)))

	n.checkShown(tb, "pull ended", tr.large.Image,
		shown{byCollector, tr.large.End, "?---", "?---"},
		shown{straight, tr.large.End, "?---", "?---"},
		shown{byScrape, tr.large.End, "xx--", "xx--"},
		shown{byExporter, tr.large.End, "?---", "?---"},
		shown{byDefaultExporter, tr.large.End, "?---", "?---"},
	)
	n.checkShown(tb, "pulltrace killed", dying,
		shown{byCollector, heard[byCollector], "xxx-", "x---"},
		shown{straight, heard[straight], "xxx-", "x---"},
		shown{byScrape, heard[byScrape], "x---", "x---"},
		shown{byExporter, heard[byCollector], "xx--", "xx--"},
		shown{byDefaultExporter, heard[byCollector], "xxxx", "xxxx"},
	)
	n.Logf("\n%s", tb)
}

// killAfterExport kills all Pulltraces at the first export by the Collector after a
// time, when by all ways a running pull is told.
func (n *node) killAfterExport(img *registry.Image, earliest time.Time) {
	n.Helper()
	time.Sleep(time.Until(earliest))
	before := n.lastSample(byCollector, img)
	for deadline := time.Now().Add(2 * interval); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if n.lastSample(byCollector, img).After(before) {
			n.kill()
			return
		}
	}
	n.Fatalf("%s is not told again", img.Ref())
}

// lastSample is the time of the last sample of an image's live series by a way; zero
// for none.
func (n *node) lastSample(w way, img *registry.Image) time.Time {
	n.Helper()
	query := fmt.Sprintf("timestamp(%s{%s,oci_manifest_digest=%q})", live, w.selector(), img.Root.Digest)
	seconds := n.value(query, time.Now())
	if math.IsNaN(seconds) {
		return time.Time{}
	}
	return time.UnixMilli(int64(math.Round(seconds * 1000)))
}
