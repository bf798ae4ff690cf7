package peers

import "testing"

// Pulls with different fates, known from the CRI calls, the registry and the
// manifests: whatever way their metrics take into Prometheus, PromQL answers the
// truth.
func TestPrometheus(t *testing.T) {
	n := newNode(t)
	n.waitReady()
	truth := n.pullAll()
	tb := &table{}
	header := []string{"metric", "query", "truth"}
	for _, w := range ways {
		header = append(header, w.name)
	}
	tb.add(header...)
	n.checkRunning(tb, truth)
	n.checkEnded(tb, truth)
	n.checkCardinality(tb, truth)
	t.Logf("\n%s", tb)
	n.checkLabels(truth)
	n.checkDocs(truth)
	n.checkExemplars(truth)
	n.checkStaleness(truth)
}
