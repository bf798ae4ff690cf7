package main

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/tempo"
	standard "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/pulltrace/pulltrace/semconv"
)

// Recording rules that this dashboard has a use for.
const (
	endedPulls   = "registry_error:pulltrace_pulls:increase1m"
	durations    = "registry:pulltrace_pull_duration_seconds_bucket:rate5m"
	bytesOfPulls = "registry:pulltrace_pull_downloaded_bytes_sum:rate5m"
	timeOfPulls  = "registry:pulltrace_pull_download_duration_seconds_sum:rate5m"
	fetched      = "registry:pulltrace_download_io_bytes:rate5m"
	wasted       = "registry:pulltrace_download_wasted_bytes:rate5m"
	cached       = "registry:pulltrace_cache_hit_bytes:rate5m"
)

const noPulls = "no pull has ended"

var succeeded = has(semconv.OutcomeSuccess)

// history is the dashboard of pulls that have ended.
func history(rules recordings) *dashboard.DashboardBuilder {
	d := page(historyUID, "Image pulls: history and SLO", "How pulls went: how many, how long, how fast, why they failed, and what that means for a promise about them.", "now-24h", "1m")
	choose(d, nodes(), []cog.Builder[dashboard.VariableModel]{
		registries(),
		direct(durations),
		custom("within", "Pulls should take at most (s)", "60", "10", "20", "30", "60", "120", "180", "300", "600").
			Description("Bounds of the histogram of durations."),
		custom("objective", "of them (%)", "95", "90", "95", "99", "99.5", "99.9"),
	}, traces())
	row(d, "", numbersOfHistory(rules)...)
	row(d, "How many, and why not", outcomes(rules), failuresInTime(rules), failuresByReason(rules))
	row(d, "How long", durationHeatmap(rules), quantiles(rules), slowest())
	row(d, "Where the time goes", timeOfAPull(rules), timeInTime(rules), rates(rules))
	row(d, "Bytes", bytesInTime(rules), bytesByRegistry(rules))
	row(d, "Objective: $objective % of pulls within $within s", burn(rules), attainment(rules))
	return d
}

// ratio is a part of a whole, where there is a whole.
func ratio(part, whole string) string {
	return fmt.Sprintf("(%s)\n/\n(%s > 0)", part, whole)
}

// pullsWithin are the pulls that went well in time, pullsCounted all that count: a failed
// one is not in time, and of unknown ones nobody knows.
func pullsWithin(rules recordings, over window) string {
	return fmt.Sprintf("sum(%s)", rules.increase(durations, over, succeeded, `le=~"$within(\\.0)?"`))
}

func pullsCounted(rules recordings, over window) string {
	return fmt.Sprintf("sum(%s)", rules.increase(durations, over, outcome+`=~"success|failure"`, `le="+Inf"`))
}

// missed is the part of the pulls that were not in time.
func missed(rules recordings, over window) string {
	return "1 - " + ratio(pullsWithin(rules, over)+" or on () vector(0)", pullsCounted(rules, over))
}

func numbersOfHistory(rules recordings) []cog.Builder[dashboard.Panel] {
	quantile := func(q float64) string {
		return fmt.Sprintf("histogram_quantile(%g, sum by (le) (%s)) >= 0", q, rules.increase(durations, shown, succeeded))
	}
	ofOutcome := func(matchers ...string) string {
		return fmt.Sprintf("sum(%s)", rules.ended("$__range", matchers...))
	}
	slow := colours(calm, step{60, warn}, step{300, bad})
	return []cog.Builder[dashboard.Panel]{
		number("Pulls", "Pulls that ended in the time that is shown, and those that were refused.",
			orZero("round("+ofOutcome()+")"), "short", notHeard),
		number("Failed", "Part of them that failed or were refused.",
			ratio(ofOutcome(errorType+`!=""`)+" or on () vector(0)", ofOutcome()), "percentunit", noPulls).
			Decimals(1).Thresholds(fine(step{0.01, warn}, step{0.05, bad})),
		number("Half took up to", "Median of the time that pulls took which went well.", quantile(0.5), "s", noPulls).Decimals(1).Thresholds(slow),
		number("9 of 10 took up to", "0.9 quantile of the time that pulls took which went well.", quantile(0.9), "s", noPulls).Decimals(1).Thresholds(slow),
		number("From the cache", "Part of the bytes of all pulled images that did not have to be fetched.",
			ratio("sum("+rules.increase(cached, shown)+")",
				"(sum("+rules.increase(cached, shown)+") + sum("+rules.increase(fetched, shown)+"))"), "percentunit", noPulls).Decimals(0),
		number("Within $within s", "Part of the pulls that went well and took at most as long. A failed pull is not in time.",
			"1 - ("+missed(rules, shown)+")", "percentunit", noPulls).Decimals(1),
	}
}

func outcomes(rules recordings) cog.Builder[dashboard.Panel] {
	return counts("Pulls by outcome", "Pulls that ended in each interval. Refused: failed before anything was fetched, as the pods tell; unknown: one of several pulls of an image of which containerd recorded fewer, or one without a record that had nothing to fetch.",
		noPulls,
		course(fmt.Sprintf("sum by (%s) (%s) > 0", outcome, rules.ended("$__interval")), "{{"+outcome+"}}")).
		OverrideByName("success", fixedColour(good)).
		OverrideByName("failure", fixedColour(bad)).
		OverrideByName("refused", fixedColour(warn)).
		OverrideByName("unknown", fixedColour(calm))
}

func failuresInTime(rules recordings) cog.Builder[dashboard.Panel] {
	return counts("Failures by registry and reason", "Pulls that failed or were refused in each interval.", "no failure is known of",
		course(fmt.Sprintf("sum by (%s) (%s) > 0", list(registry, errorType), rules.ended("$__interval", errorType+`!=""`)),
			"{{"+registry+"}} {{"+errorType+"}}"))
}

func failuresByReason(rules recordings) cog.Builder[dashboard.Panel] {
	by := list(registry, errorType)
	return grid("Failures in all", "Pulls that failed or were refused in the time that is shown. Reasons need Pulltrace to see Kubernetes; without, all are _OTHER.",
		"no failure is known of", []column{
			{field: registry, title: "Registry"},
			{field: errorType, title: "Reason", width: 120},
			{field: "Value", title: "Pulls", width: 70},
		},
		rows("failures", fmt.Sprintf("round(sum by (%s) (%s)) > 0", by, rules.ended("$__range", errorType+`!=""`)))).
		Span(8).SortBy([]cog.Builder[common.TableSortByFieldState]{
		common.NewTableSortByFieldStateBuilder().DisplayName("Pulls").Desc(true),
	})
}

// durationHeatmap is of the histogram's own buckets. Their bounds are written as 60 or
// as 60.0, by the way they came.
func durationHeatmap(rules recordings) cog.Builder[dashboard.Panel] {
	query := fmt.Sprintf(`sum by (le) (label_replace(%s, "le", "$1", "le", "(.+)\\.0"))`, rules.now(durations, succeeded))
	return heatmap.NewPanelBuilder().
		Title("Duration of pulls").
		Description("Pulls a second that went well, by how long they took. The buckets are those of the histogram.").
		Datasource(prom).
		WithTarget(course(query, "{{le}}").Format("heatmap")).
		Height(8).Span(8).Interval("1m").NoValue(noPulls).
		Calculate(false).
		CellGap(1).
		Color(heatmap.NewHeatmapColorOptionsBuilder().Mode(heatmap.HeatmapColorModeScheme).Scheme("Blues").Steps(32).Reverse(false)).
		FilterValues(heatmap.NewFilterValueRangeBuilder().Le(1e-9)).
		YAxis(heatmap.NewYAxisConfigBuilder().Unit("s").AxisPlacement(common.AxisPlacementLeft)).
		CellValues(heatmap.NewCellValuesBuilder().Unit("cps")).
		Tooltip(heatmap.NewHeatmapTooltipBuilder().Mode(common.TooltipDisplayModeSingle).YHistogram(true))
}

// quantiles has the exemplars of the histogram, which lead to traces. What is recorded
// has none. So they are asked for by a query of the histogram itself, as of a time of
// which it has nothing to read.
func quantiles(rules recordings) cog.Builder[dashboard.Panel] {
	p := lines("Quantiles of duration", "Of pulls that went well. A point is one pull; click on it for its trace, where Prometheus keeps exemplars.", "s", noPulls).
		Interval("1m")
	for _, q := range []float64{0.5, 0.9, 0.99} {
		p.WithTarget(course(fmt.Sprintf("histogram_quantile(%g, sum by (le) (%s)) >= 0", q, rules.now(durations, succeeded)), fmt.Sprintf("%g of 100", q*100)))
	}
	return p.WithTarget(course(ofRegistry(name(semconv.PullDuration)+"_bucket")+" @ 0", "").Exemplar(true))
}

// slowest is the table of the slowest of the last traces.
func slowest() cog.Builder[dashboard.Panel] {
	query := fmt.Sprintf(`{resource.%s="%s" && name="%s" && duration > ${within}s && span.%s=~"${registry:regex}"}`,
		standard.ServiceNameKey, service, semconv.SpanPull, semconv.RegistryKey) +
		fmt.Sprintf(" | select(span.%s, span.%s, resource.%s, resource.%s)",
			standard.ContainerImageNameKey, semconv.OutcomeKey, standard.K8SNodeNameKey, standard.HostNameKey)
	// What Grafana calls the columns of spans, and those of the attributes.
	columns := []column{
		{field: "Duration", title: "Took", width: 90},
		{field: string(standard.ContainerImageNameKey), title: "Image", min: 140},
		{field: string(standard.K8SNodeNameKey), title: "Node", min: 100},
		{field: string(standard.HostNameKey), title: "Host", min: 100},
		{field: string(semconv.OutcomeKey), title: "Outcome", width: 90},
		{field: "Span ID", title: "Trace", width: 100},
		{field: "Start time", title: "Began", width: 160},
	}
	p := table.NewPanelBuilder().
		Title("Pulls of more than $within s, from traces").
		Description("The slowest of the latest 100 such pulls. Click on a trace to see where its time went. Needs Tempo.").
		Datasource(common.DataSourceRef{Type: new("tempo"), Uid: new("${tempo}")}).
		WithTarget(tempo.NewDataqueryBuilder().RefId("A").QueryType("traceql").Query(query).Limit(100).TableType(tempo.SearchTableTypeSpans)).
		Height(8).Span(8).
		NoValue("none is known of").
		CellHeight(common.TableCellHeightSm).
		Footer(noFooter()).
		WithTransformation(noneWithoutRows("Trace Service"))
	return arrange(p, columns).SortBy([]cog.Builder[common.TableSortByFieldState]{
		common.NewTableSortByFieldStateBuilder().DisplayName("Took").Desc(true),
	})
}

// part is a phase of a pull, and the histogram of what pulls spent in it.
type part struct {
	title  string
	metric semconv.Metric
}

var parts = []part{
	{"in the kubelet's queue", semconv.PullQueueDuration},
	{"resolve", semconv.PullResolveDuration},
	{"wait for a slot", semconv.PullSlotWaitDuration},
	{"download", semconv.PullDownloadDuration},
	{"unpack", semconv.PullUnpackDuration},
	{"whole pull", semconv.PullDuration},
}

// mean is the sum of a histogram by its count, each as it is asked for by the rule that
// records it.
func mean(m semconv.Metric, ask func(rule string) string) string {
	of := func(suffix string) string { return "sum(" + ask("registry:"+name(m)+suffix+":rate5m") + ")" }
	return ratio(of("_sum"), of("_count"))
}

func timeOfAPull(rules recordings) cog.Builder[dashboard.Panel] {
	ask := func(rule string) string { return rules.increase(rule, shown, succeeded) }
	p := bars("Time of a pull", "Mean of the pulls that went well in the time that is shown. Download and unpack overlap, and the kubelet's queue comes before the pull, so they do not add up to the whole.", "s", noPulls)
	for _, part := range parts {
		p.WithTarget(instant(mean(part.metric, ask)).LegendFormat(part.title))
	}
	return p
}

func timeInTime(rules recordings) cog.Builder[dashboard.Panel] {
	ask := func(rule string) string { return rules.now(rule, succeeded) }
	p := lines("Time of a pull, in the course of time", "The same, of the pulls that ended in five minutes.", "s", noPulls).Interval("1m")
	for _, part := range parts {
		p.WithTarget(course(mean(part.metric, ask), part.title))
	}
	return p
}

func rates(rules recordings) cog.Builder[dashboard.Panel] {
	sum := func(rule string) string {
		return fmt.Sprintf("sum by (%s) (%s)", registry, rules.now(rule, succeeded))
	}
	return lines("Rate of a pull, by registry", "Bytes by the time spent downloading, of pulls that went well, so that large ones weigh most.", "binBps", noPulls,
		course(ratio(sum(bytesOfPulls), sum(timeOfPulls)), "{{"+registry+"}}")).Interval("1m")
}

func bytesInTime(rules recordings) cog.Builder[dashboard.Panel] {
	sum := func(rule string) string { return "sum(" + rules.now(rule) + ")" }
	return stacked("Bytes of images", "Fetched: over the network, and kept. Cached: did not have to be fetched. Wasted: fetched by pulls that failed, and thrown away.", "binBps", noPulls,
		course(sum(fetched)+" - "+sum(wasted), "fetched"),
		course(sum(wasted), "wasted"),
		course(sum(cached), "cached")).
		Span(12).Interval("1m").
		OverrideByName("fetched", fixedColour(moving)).
		OverrideByName("wasted", fixedColour(bad)).
		OverrideByName("cached", fixedColour(good))
}

func bytesByRegistry(rules recordings) cog.Builder[dashboard.Panel] {
	total := func(rule string) string {
		return fmt.Sprintf("sum by (%s) (%s)", registry, rules.increase(rule, shown))
	}
	return grid("Bytes by registry", "In the time that is shown. Wasted bytes are among the fetched ones.", noPulls, []column{
		{field: registry, title: "Registry"},
		{field: "Value #fetched", title: "Fetched", width: 120},
		{field: "Value #wasted", title: "Wasted", width: 120},
		{field: "Value #cached", title: "Cached", width: 120},
	}, rows("fetched", total(fetched)), rows("wasted", total(wasted)), rows("cached", total(cached))).
		Unit("bytes").
		SortBy([]cog.Builder[common.TableSortByFieldState]{common.NewTableSortByFieldStateBuilder().DisplayName("Fetched").Desc(true)})
}

func burn(rules recordings) cog.Builder[dashboard.Panel] {
	rate := func(over window) string {
		return fmt.Sprintf("(%s)\n/ (1 - $objective / 100)", missed(rules, over))
	}
	return lines("Burn rate", "How many times as fast as the objective allows pulls fail or take too long: 1 is just what it allows. At 14.4 for an hour, 2 % of what a month allows are gone; at 6 for six hours, 5 %.", "short", noPulls,
		course(rate(window{"1h", "3600"}), "over 1 h"), course(rate(window{"6h", "21600"}), "over 6 h")).
		Span(16).Interval("1m").Decimals(1).AxisSoftMax(15).
		Thresholds(colours(calm, step{1, warn}, step{14.4, bad})).
		ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeDashed))
}

func attainment(rules recordings) cog.Builder[dashboard.Panel] {
	return number("Left of what the objective allows", "Part of the pulls that may fail or take too long in the time that is shown and have not. Below zero the objective is missed.",
		fmt.Sprintf("1 - (%s)\n/ (1 - $objective / 100)", missed(rules, shown)), "percentunit", noPulls).
		Height(8).Span(8).Decimals(0).
		Thresholds(colours(calm, step{-1e6, bad}, step{0, warn}, step{0.25, good}))
}

func fixedColour(colour string) []dashboard.DynamicConfigValue {
	return []dashboard.DynamicConfigValue{{Id: "color", Value: map[string]any{"mode": "fixed", "fixedColor": colour}}}
}
