package main

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/pulltrace/pulltrace/semconv"
)

// itself is the dashboard of Pulltrace's own work.
func itself() *dashboard.DashboardBuilder {
	d := page(itselfUID, "Pulltrace itself", "Whether Pulltrace sees containerd and Kubernetes, and what it costs.", "now-1h", "30s")
	choose(d, nodes())
	row(d, "", numbersOfItself()...)
	row(d, "", unanswered(), versions())
	row(d, "", pollTime(), pollShare(), pollFailures())
	row(d, "", memory(), liveSeries(), exportErrors())
	return d
}

func numbersOfItself() []cog.Builder[dashboard.Panel] {
	down := func(m semconv.Metric) string {
		up := live(ofNode(name(m)))
		return fmt.Sprintf("count(%s == 0)\nor on () 0 * sum(%s)", up, up)
	}
	alarm := fine(step{1, bad})
	return []cog.Builder[dashboard.Panel]{
		number("Nodes heard of", "Nodes whose Pulltrace told something in the last 30 s.",
			"count("+live(ofNode(name(semconv.SourceUp)))+")", "short", notHeard),
		number("containerd silent", "Nodes whose containerd does not answer Pulltrace.", down(semconv.SourceUp), "short", notHeard).Thresholds(alarm),
		number("Kubernetes silent", "Nodes whose Pulltrace does not see the pods of its node. Pulls are told all the same, without pods and reasons.",
			down(semconv.KubernetesUp), "short", "no Kubernetes").Thresholds(alarm),
		number("Failed exports", "Exports of telemetry that failed in the time that is shown, on all nodes. What one cannot deliver, the next one does, as far as it is not over.",
			orZero("round(sum(increase("+ofNode(name(semconv.ExportErrors))+"[$__range])))"), "short", notHeard).Thresholds(fine(step{1, warn})),
		number("Most memory", "Physical memory of the Pulltrace that has most.", "max("+ofItself(semconv.ProcessMemory)+")", "bytes", notHeard),
		number("Live series", "Series of images and layers that are exported now, on all nodes.",
			"sum("+live(ofNode(name(semconv.SeriesCount)))+")", "short", notHeard),
	}
}

// ofItself selects a metric that others have as well.
func ofItself(m semconv.Metric) string {
	return fmt.Sprintf("%s and on (job, instance) %s", live(ofNode(name(m))), ofNode(name(semconv.SourceUp)))
}

func unanswered() cog.Builder[dashboard.Panel] {
	by := list(nodeLabels...)
	down := func(m semconv.Metric, what string) string {
		return fmt.Sprintf(`label_replace(max by (%s) (%s) == 0, "what", %q, "", "")`, by, live(ofNode(name(m))), what)
	}
	return grid("Who does not answer", "Nodes whose containerd or Kubernetes does not answer Pulltrace, or sends no events: then the times of pulls are estimated. A node of which nothing is heard is not here: see the alert PulltraceAbsent.",
		"all that are heard of answer", []column{
			{field: "node", title: "Node"},
			{field: clusterOfOthers, title: "Cluster"},
			{field: clusterOfOTel, title: "Cluster"},
			{field: "what", title: "Does not answer"},
		},
		rows("down", withNode(down(semconv.SourceUp, "containerd")+"\nor\n"+down(semconv.SourceEventsUp, "containerd's events")+"\nor\n"+down(semconv.KubernetesUp, "Kubernetes"))))
}

func versions() cog.Builder[dashboard.Panel] {
	return grid("Versions", "How many nodes run which Pulltrace and containerd. What containerd it is, is found out when Pulltrace starts.", notHeard, []column{
		{field: version, title: "Pulltrace"},
		{field: runtime, title: "containerd"},
		{field: "Value", title: "Nodes", width: 100},
	}, rows("versions", fmt.Sprintf("count by (%s, %s) (%s\n* on (job, instance) group_left (%[1]s, %[2]s) target_info)",
		version, runtime, ofNode(name(semconv.SourceUp)))))
}

// pollMean is the mean duration of the polls of each node.
func pollMean() string {
	of := func(suffix string) string {
		return fmt.Sprintf("sum by (%s) (rate(%s[$__rate_interval]))", list(nodeLabels...), ofNode(name(semconv.SourcePollDuration)+suffix))
	}
	return fmt.Sprintf("%s / (%s > 0)", of("_sum"), of("_count"))
}

func pollTime() cog.Builder[dashboard.Panel] {
	return lines("Duration of a poll", "Mean of the polls of a node: over all nodes, and of the slowest node.", "s", notHeard,
		course("avg("+pollMean()+")", "mean"), course("max("+pollMean()+")", "slowest node"))
}

func pollShare() cog.Builder[dashboard.Panel] {
	share := fmt.Sprintf("sum by (%s) (rate(%s[$__rate_interval]))", list(nodeLabels...), ofNode(name(semconv.SourcePollDuration)+"_sum"))
	return lines("Time spent polling", "Part of the time that Pulltrace waits for containerd's answers: over all nodes, and of the one that waits most. Every second while a pull runs, else every 10 s, unless it is set.", "percentunit", notHeard,
		course("avg("+share+")", "mean"), course("max("+share+")", "most"))
}

func pollFailures() cog.Builder[dashboard.Panel] {
	return stacked("Polls that failed", "Polls a second that containerd did not answer, by reason, on all nodes.", "cps", "none is known to have failed",
		course(fmt.Sprintf("sum by (%s) (rate(%s[$__rate_interval])) > 0", errorType, ofNode(name(semconv.SourcePollDuration)+"_count", errorType+`!=""`)), "{{"+errorType+"}}"))
}

func memory() cog.Builder[dashboard.Panel] {
	return lines("Memory", "Physical memory: over all nodes, and of the one that has most.", "bytes", notHeard,
		course("avg("+ofItself(semconv.ProcessMemory)+")", "mean"), course("max("+ofItself(semconv.ProcessMemory)+")", "most"))
}

func liveSeries() cog.Builder[dashboard.Panel] {
	return lines("Live series in time", "Series of images and layers that are exported: of all nodes, and of the one that has most. They end with their pull.", "short", notHeard,
		course("sum("+live(ofNode(name(semconv.SeriesCount)))+")", "all nodes"), course("max("+live(ofNode(name(semconv.SeriesCount)))+")", "most of one node"))
}

func exportErrors() cog.Builder[dashboard.Panel] {
	return stacked("Exports that failed", "Exports a second that did not arrive, by what they were to deliver, on all nodes.", "cps", "none is known to have failed",
		course(fmt.Sprintf("sum by (%s) (rate(%s[$__rate_interval])) > 0", signal, ofNode(name(semconv.ExportErrors))), "{{"+signal+"}}"))
}
