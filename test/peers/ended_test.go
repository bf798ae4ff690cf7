package peers

import (
	"fmt"
	"slices"
)

const (
	success = `pulltrace_pull_outcome="success"`
	failure = `pulltrace_pull_outcome="failure"`
)

// checkEnded holds what stays of pulls when they are over.
func (n *node) checkEnded(tb *table, tr *truth) {
	n.Helper()
	n.checkLast(tb, tr)
	n.checkTotals(tb, tr)
	n.checkItself(tb, tr)
	succeeded, failed := tr.all()
	n.checkHistograms(tb, tr, success, "", succeeded)
	n.checkHistograms(tb, tr, failure, `,error_type="_OTHER"`, failed)
}

// checkLast holds the last samples of live series. The Collector's exporter has let go
// of them before they are scraped.
func (n *node) checkLast(tb *table, tr *truth) {
	n.Helper()
	last := func(metric, name, image string, want between) {
		n.Helper()
		query := fmt.Sprintf(`last_over_time(%s{$,container_image_name=~".+/%s"}[5m])`, name, image)
		n.check(tb, row{metric: metric, query: query, at: tr.ended, want: want}, timely...)
	}
	last("pulltrace.image.downloaded", "pulltrace_image_downloaded_bytes", "large", exactly(tr.large.served()))
	last("pulltrace.image.progress", "pulltrace_image_progress_ratio", "large", exactly(1))
	last("pulltrace.image.rate", "pulltrace_image_rate_bytes_per_second", "large", exactly(0))
	last("pulltrace.image.idle_time", "pulltrace_image_idle_time_seconds", "large", exactly(0))
	last("pulltrace.image.cached", "pulltrace_image_cached_bytes", "sharing", exactly(tr.ok.layerBytes()))
	last("pulltrace.image.progress", "pulltrace_image_progress_ratio", "missing",
		exactly(float64(tr.failed.served())/float64(tr.failed.Size())))
}

// layerBytes is the size of the image's layers.
func (p pulled) layerBytes() int64 { return p.Size() - p.Config.Size }

func (n *node) checkTotals(tb *table, tr *truth) {
	n.Helper()
	succeeded, failed := tr.all()
	var served int64
	for _, p := range append(succeeded, failed...) {
		served += p.served()
	}
	after := func(metric, query string, want between) {
		n.Helper()
		n.check(tb, row{metric: metric, query: query, at: tr.ended, want: want}, ways...)
	}
	after("pulltrace.download.io", `sum(pulltrace_download_io_bytes_total{$})`, exactly(served))
	after("pulltrace.download.wasted", `sum(pulltrace_download_wasted_bytes_total{$})`, exactly(tr.failed.served()))
	after("pulltrace.cache.hit", `sum(pulltrace_cache_hit_bytes_total{$})`, exactly(tr.cached.Size()+tr.ok.layerBytes()))
	after("pulltrace.pull.stalls", `sum(pulltrace_pull_stalls_total{$})`, exactly(1))
	after("pulltrace.pull.active", `sum(pulltrace_pull_active{$})`, exactly(0))
	after("pulltrace.pull.active", `count by (pulltrace_registry) (pulltrace_pull_active{$,pulltrace_registry="127.0.0.1"})`, exactly(4))
	after("pulltrace.pull.stalled", `sum(pulltrace_pull_stalled{$})`, exactly(0))
}

// checkItself holds what Pulltrace tells of itself.
func (n *node) checkItself(tb *table, tr *truth) {
	n.Helper()
	own := func(metric, query string, want between, by ...way) {
		n.Helper()
		n.check(tb, row{metric: metric, query: query, at: tr.ended, want: want}, by...)
	}
	own("(resource)", `count(target_info{$,service_version!="",container_runtime_name="containerd",container_runtime_version=~".*2[.]4[.].+"})`,
		exactly(1), ways...)
	own("pulltrace.source.up", `pulltrace_source_up{$}`, exactly(1), ways...)
	own("pulltrace.source.events.up", `pulltrace_source_events_up{$}`, exactly(1), ways...)
	own("pulltrace.source.namespace.unread", `pulltrace_source_namespace_unread{$}`, exactly(0), ways...)
	own("pulltrace.limit.omitted", `sum(pulltrace_limit_omitted_total{$})`, exactly(0), ways...)
	own("pulltrace.export.errors", `sum(pulltrace_export_errors_total{$,pulltrace_export_signal!="logs"})`, exactly(0), ways...)
	for _, w := range ways {
		process := n.watchers[w.node]
		up := tr.ended.Sub(process.Started).Seconds()
		own("pulltrace.export.errors", `pulltrace_export_errors_total{$,pulltrace_export_signal="logs"}`, exactly(n.refusal.count("/"+w.node)), w)
		own("pulltrace.source.poll.duration", `pulltrace_source_poll_duration_seconds_count{$}`, between{up / 10, up * 10}, w)
		own("pulltrace.source.poll.duration", `pulltrace_source_poll_duration_seconds_sum{$}`, between{0.001, up}, w)
		own("process.memory.usage", `process_memory_usage_bytes{$}`, between{4 * mib, float64(process.Memory())}, w)
	}
}

// checkHistograms holds what is recorded of pulls with one outcome.
func (n *node) checkHistograms(tb *table, tr *truth, outcome, reason string, pulls []pulled) {
	n.Helper()
	check := func(metric, name, labels string, bounds []float64, pulls []pulled, truth func(pulled) between) {
		n.Helper()
		h := histogram{metric: metric, name: name, labels: labels, bounds: bounds}
		for _, p := range pulls {
			h.values = append(h.values, truth(p))
		}
		n.checkHistogram(tb, tr, h)
	}
	// Where the root is on the node before, nothing tells when it was resolved, nor what
	// would have waited.
	fetched := slices.DeleteFunc(slices.Clone(pulls), func(p pulled) bool { return p.served() == 0 })
	check("pulltrace.pull.duration", "pulltrace_pull_duration_seconds", outcome+reason, durationBounds, pulls,
		func(p pulled) between { return around(p.End.Sub(p.Start).Seconds(), clock) })
	check("pulltrace.pull.resolve.duration", "pulltrace_pull_resolve_duration_seconds", outcome, durationBounds, fetched,
		func(p pulled) between { return p.resolving() })
	check("pulltrace.pull.slot_wait.duration", "pulltrace_pull_slot_wait_duration_seconds", outcome, durationBounds, fetched,
		func(p pulled) between { return p.queueing() })
	check("pulltrace.pull.download.duration", "pulltrace_pull_download_duration_seconds", outcome, durationBounds, fetched,
		func(p pulled) between { return p.fetching() })
	check("pulltrace.pull.rate", "pulltrace_pull_rate_bytes_per_second", outcome, rateBounds, fetched, func(p pulled) between {
		took := p.fetching()
		return between{float64(p.served()) / took.high, float64(p.served()) / took.low}
	})
	check("pulltrace.pull.downloaded", "pulltrace_pull_downloaded_bytes", outcome, sizeBounds, pulls,
		func(p pulled) between { return exactly(p.served()) })
	n.checkUnpack(tb, tr, outcome, fetched)
}

// checkUnpack holds how long layers were unpacked: of that the registry knows only
// when it can have begun, and the call when it was over.
func (n *node) checkUnpack(tb *table, tr *truth, outcome string, fetched []pulled) {
	n.Helper()
	most := 0.0
	for _, p := range fetched {
		most += p.End.Sub(p.firstBlob()).Seconds()
	}
	name := "pulltrace_pull_unpack_duration_seconds"
	count := row{metric: "pulltrace.pull.unpack.duration", query: fmt.Sprintf("%s_count{$,%s}", name, outcome), at: tr.ended, want: exactly(len(fetched))}
	sum := row{metric: "pulltrace.pull.unpack.duration", query: fmt.Sprintf("%s_sum{$,%s}", name, outcome), at: tr.ended, want: between{0.001, most}}
	n.check(tb, count, ways...)
	n.check(tb, sum, ways...)
}
