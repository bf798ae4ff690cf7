package peers

import "time"

// How many series a node has; docs/prometheus.md tells these numbers.
const (
	seriesIdle     = 32  // target_info, what Pulltrace tells of itself, and whether containerd answers
	seriesRegistry = 9   // for each registry that was seen
	seriesOutcome  = 135 // for each registry and outcome: seven histograms
	seriesImage    = 14  // for each image that is being pulled
	seriesLayer    = 2   // for each layer of it that is fetched or was
)

// checkCardinality counts series: while nothing was pulled, of an image that is being
// pulled, and of the totals when all is over.
func (n *node) checkCardinality(tb *table, tr *truth) {
	n.Helper()
	count := func(what, matchers string, at time.Time, want int) {
		n.Helper()
		n.check(tb, row{metric: what, query: "count({$" + matchers + "})", at: at, want: exactly(want)}, ways...)
	}
	count("(series, idle)", "", tr.began, seriesIdle)
	// Of the four layers of the large image three have begun.
	count("(series of an image)", `,oci_manifest_digest!="",container_image_name=~".+/large"`, tr.moving, seriesImage+3*seriesLayer)
	count("(series of totals)", `,oci_manifest_digest="",pulltrace_registry!="_OTHER"`, tr.ended, seriesIdle+seriesRegistry+2*seriesOutcome)
}
