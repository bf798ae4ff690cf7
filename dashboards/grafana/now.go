package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"go.opentelemetry.io/otel/attribute"

	"github.com/pulltrace/pulltrace/semconv"
)

// activeByPhase is a recording rule, as those of history.go.
const activeByPhase = "registry:pulltrace_pull_active:sum"

const (
	notHeard = "no Pulltrace is heard"
	nothing  = "nothing is being pulled"
)

// now is the dashboard of pulls that run.
func now(rules recordings) *dashboard.DashboardBuilder {
	d := page(nowUID, "Image pulls: now", "What is being pulled, on which nodes, whether it moves, and which pods wait.", "now-30m", "10s")
	choose(d, nodes(), []cog.Builder[dashboard.VariableModel]{
		registries(),
		choice("image", "Image", values(ofRegistry(name(semconv.ImageIdle)), image), ""),
		choice("namespace", "Pods of", values(ofRegistry(name(semconv.ImagePods)), podNamespace), "").
			Description("Namespaces of Kubernetes whose pods wait. It chooses among images and pods; numbers of pulls know no namespace."),
		direct(activeByPhase),
	}, traces())
	row(d, "", numbersNow()...)
	row(d, "", pulls())
	row(d, "", waiters())
	row(d, "", layers(), failed(rules))
	row(d, "", phases(rules), throughput(), stalledByRegistry())
	row(d, "", alerts())
	return d
}

func numbersNow() []cog.Builder[dashboard.Panel] {
	active, stalled := name(semconv.PullActive), name(semconv.PullStalled)
	return []cog.Builder[dashboard.Panel]{
		number("Pulls", "Pulls that run now, in every phase.",
			orZero("sum("+live(ofRegistry(active))+")"), "short", notHeard),
		number("Stalled", "Pulls that have not moved for longer than the threshold of Pulltrace (60 s unless it is set). containerd gives one up after 5 minutes without a byte.",
			orZero("sum("+live(ofRegistry(stalled))+")"), "short", notHeard).
			Thresholds(fine(step{1, bad})),
		number("Nodes that pull", "Nodes on which at least one pull runs.",
			orZero(fmt.Sprintf("count(sum by (%s) (%s) > 0)", list(nodeLabels...), live(ofRegistry(active)))), "short", notHeard),
		number("Download rate", "Bytes a second that all these nodes fetch, over the last seconds.",
			orZero("sum("+live(ofImage(name(semconv.ImageRate)))+")"), "binBps", notHeard),
		number("Waiting pods", "Pods that wait for one of these images. Needs Pulltrace to see Kubernetes.",
			fmt.Sprintf("count(sum by (%s) (%s) > 0)\nor on () 0 * sum(%s)", list(clusterLabel, podNamespace, pod),
				live(ofImage(name(semconv.ImagePods), podNamespace+`=~"$namespace"`)), live(ofNode(name(semconv.KubernetesUp)))),
			"short", "no Kubernetes"),
		number("Nodes watched", "Nodes whose containerd answers Pulltrace. The dashboard “Pulltrace itself” says which do not.",
			orZero("count("+live(ofNode(name(semconv.SourceUp)))+" == 1)"), "short", notHeard),
	}
}

// States of an image. The table has the highest first.
const (
	ended = iota
	resolving
	queued
	unpacking
	downloading
	stalled
)

// state tells what each image is at, the first of these that is true of it.
func state() string {
	idle := live(ofImage(name(semconv.ImageIdle)))
	group := func(query string) string { return fmt.Sprintf("group by (%s) (%s)", list(imageLabels...), query) }
	layersIn := func(states ...attribute.KeyValue) string {
		var values []string
		for _, s := range states {
			values = append(values, s.Value.AsString())
		}
		matcher := label(semconv.LayerStateKey) + `=~"` + strings.Join(values, "|") + `"`
		return group(live(ofImage(name(semconv.ImageLayers), matcher)) + " > 0")
	}
	var answers []string
	when := func(state int, query string) { answers = append(answers, fmt.Sprintf("%d * %s", state, query)) }
	when(stalled, group(fmt.Sprintf("%s > 60\nand on (%s) %s > 0", idle,
		list(append(slices.Clone(nodeLabels), registry)...), live(ofRegistry(name(semconv.PullStalled))))))
	when(resolving, fmt.Sprintf("(%s\nunless %s)", group(idle), group(live(ofImage(name(semconv.ImageSize))))))
	when(downloading, layersIn(semconv.LayerStateDownloading))
	when(unpacking, layersIn(semconv.LayerStateDownloaded, semconv.LayerStateUnpacking))
	when(queued, layersIn(semconv.LayerStateQueued))
	when(ended, group(idle))
	return "(" + strings.Join(answers, "\nor\n") + ")"
}

// pulls is the table of what is being pulled.
func pulls() *table.PanelBuilder {
	of := func(m semconv.Metric) string {
		return named(waitedFor(fmt.Sprintf("max by (%s) (%s)", list(imageLabels...), live(ofImage(name(m))))))
	}
	waiting := named(fmt.Sprintf("sum by (%s) (%s)", list(imageLabels...), live(ofImage(name(semconv.ImagePods), podNamespace+`=~"$namespace"`))))
	columns := []column{
		{field: "Value #state", title: "State", width: 110, properties: append(coloured(calm, step{stalled, bad}), stateNames(), left())},
		{field: "image", title: "Image", min: 280, properties: []dashboard.DynamicConfigValue{wrapped(), links(layersOf(nowUID), inTempo(), inJaeger())}},
		{field: "node", title: "Node", min: 180, properties: []dashboard.DynamicConfigValue{wrapped()}},
		{field: clusterOfOthers, title: "Cluster", width: 110},
		{field: clusterOfOTel, title: "Cluster"},
		{field: "Value #progress", title: "Progress", width: 160, properties: bar()},
		{field: "Value #left", title: "Time left", width: 85, properties: []dashboard.DynamicConfigValue{unit("s")}},
		{field: "Value #idle", title: "Idle for", width: 80, properties: append(coloured(calm, step{30, warn}, step{60, bad}), unit("s"))},
		{field: "Value #pods", title: "Pods", width: 60},
		{field: "Value #rate", title: "Rate", width: 105, properties: []dashboard.DynamicConfigValue{unit("binBps")}},
		{field: "Value #size", title: "Size", width: 90, properties: []dashboard.DynamicConfigValue{unit("bytes")}},
		{field: registry, title: "Registry", width: 140},
	}
	return grid("What is being pulled",
		"One row for each image on each node, the stalled ones first. Time left is Pulltrace's estimate of the download; Idle for is the time since a byte came, a blob was committed or a layer unpacked, the wait for a turn left out. A dash: not known. Click on an image for its layers or its traces.",
		nothing, columns,
		rows("state", named(waitedFor(state()))),
		rows("progress", of(semconv.ImageProgress)),
		rows("size", of(semconv.ImageSize)),
		rows("rate", of(semconv.ImageRate)),
		rows("left", "floor("+of(semconv.ImageRemaining)+")"),
		rows("idle", "floor("+of(semconv.ImageIdle)+")"),
		rows("pods", waiting),
	).Height(11).Span(24).SortBy([]cog.Builder[common.TableSortByFieldState]{
		common.NewTableSortByFieldStateBuilder().DisplayName("State").Desc(true),
	})
}

func stateNames() dashboard.DynamicConfigValue {
	options := make(map[string]any)
	for state, text := range []string{
		ended: "ended", resolving: "resolving", queued: "queued", unpacking: "unpacking", downloading: "downloading", stalled: "stalled",
	} {
		options[fmt.Sprint(state)] = map[string]any{"text": text, "index": state}
	}
	return mapped(map[string]any{"type": "value", "options": options})
}

// waiters is the table of who waits: containers of pods, and their image volumes.
func waiters() *table.PanelBuilder {
	by := []string{podNamespace, pod, container, volume, tag}
	query := fmt.Sprintf(`label_join(%s, "waiter", "", %q, %q)`, named(fmt.Sprintf(`sum by (%s) (%s)
* on (%s) group_left ()
(max by (%[3]s) (%[4]s) or 0 * max by (%[3]s) (%[5]s))`,
		list(append(slices.Clone(imageLabels), by...)...), live(ofImage(name(semconv.ImagePods), podNamespace+`=~"$namespace"`)),
		list(imageLabels...), live(ofImage(name(semconv.ImageProgress))), live(ofImage(name(semconv.ImageIdle))))), container, volume)
	return grid("Who waits",
		"Containers and image volumes of pods that wait for an image of the table above, and how far that is. Needs Pulltrace to see Kubernetes.",
		"no pod is known to wait", []column{
			{field: podNamespace, title: "Namespace", min: 90},
			{field: pod, title: "Pod", min: 140},
			{field: "waiter", title: "Container", min: 80},
			{field: "Value", title: "Progress", width: 120, properties: bar()},
			{field: "image", title: "Image", min: 180},
			{field: tag, title: "Tag", min: 60},
			{field: "node", title: "Node", min: 120},
		}, rows("progress", query)).Height(7).Span(24)
}

// layers is the table of the layers in flight, of all images or of the chosen one.
func layers() *table.PanelBuilder {
	by := list(append(slices.Clone(imageLabels), layerIndex, layerDigest)...)
	expected := fmt.Sprintf("max by (%s) (%s)", by, live(ofImage(name(semconv.LayerExpected))))
	got := fmt.Sprintf("max by (%s) (%s)", by, live(ofImage(name(semconv.LayerDownloaded))))
	const most = 100
	missing := fmt.Sprintf("topk(%d, %s - %s)", most, expected, got)
	// The twelve digits that the clients show.
	short := func(query string) string {
		return fmt.Sprintf(`label_replace(%s, "digest", "$1", %q, "sha256:(.{12}).*")`, named(query), layerDigest)
	}
	return grid("Layers that are fetched",
		fmt.Sprintf("Layers whose download has begun: of the image and node that are chosen, or of all, and then the %d with most to come. containerd tells in steps of 1 MiB.", most),
		nothing, []column{
			{field: layerIndex, title: "Layer", width: 60},
			{field: "Value #progress", title: "Fetched", width: 130, properties: bar()},
			{field: "Value #missing", title: "To come", width: 95, properties: []dashboard.DynamicConfigValue{unit("bytes")}},
			{field: "image", title: "Image", min: 140},
			{field: "node", title: "Node", min: 80},
			{field: "digest", title: "Digest", width: 115},
		},
		rows("missing", short(missing)),
		rows("progress", short(fmt.Sprintf("%s / %s\nand\n%s", got, expected, missing))),
	).Span(14).SortBy([]cog.Builder[common.TableSortByFieldState]{
		common.NewTableSortByFieldStateBuilder().DisplayName("To come").Desc(true),
	})
}

func phases(rules recordings) cog.Builder[dashboard.Panel] {
	return stacked("Pulls by phase",
		"Pulls that run: resolving, until the size is known; queued, while others hold all download slots; downloading; unpacking, when all is fetched.",
		"short", notHeard,
		course(fmt.Sprintf("sum by (%s) (%s)", phase, rules.now(activeByPhase)), "{{"+phase+"}}")).
		Decimals(0).AxisSoftMax(1).
		OverrideByName(semconv.PhaseDownloading.Value.AsString(), fixedColour(moving)).
		OverrideByName(semconv.PhaseUnpacking.Value.AsString(), fixedColour(good)).
		OverrideByName(semconv.PhaseQueued.Value.AsString(), fixedColour(warn)).
		OverrideByName(semconv.PhaseResolving.Value.AsString(), fixedColour("purple"))
}

func throughput() cog.Builder[dashboard.Panel] {
	const most = 8 // as many as there are colours
	by := list(nodeLabels...)
	query := fmt.Sprintf("sum by (%s) (rate(%s[$__rate_interval]))\nand on (%[1]s)\ntopk(%[3]d, sum by (%[1]s) (increase(%[2]s[$__range] @ end())))",
		by, ofRegistry(name(semconv.DownloadIO)), most)
	return stacked("Download rate by node",
		fmt.Sprintf("Bytes a second fetched over the network, of the %d nodes that fetched most in the time that is shown.", most),
		"binBps", "nothing was fetched", course(withNode(query), "{{node}}"))
}

func stalledByRegistry() cog.Builder[dashboard.Panel] {
	return stacked("Stalled pulls by registry",
		"Pulls that have not moved for longer than Pulltrace's threshold. One node, many registries: the node. One registry, many nodes: the registry.",
		"short", notHeard,
		course(fmt.Sprintf("sum by (%s) (%s)", registry, live(ofRegistry(name(semconv.PullStalled)))), "{{"+registry+"}}")).
		Decimals(0).AxisSoftMax(1)
}

// failed is what failed of late. Pulls that are refused never run: the table of what is
// being pulled does not have them.
func failed(rules recordings) cog.Builder[dashboard.Panel] {
	query := fmt.Sprintf("round(sum by (%s) (%s)) > 0", list(registry, errorType), rules.ended("30m", errorType+`!=""`))
	return grid("Failed in the last 30 minutes",
		"Pulls that failed, and those that were refused before anything was fetched, by what the registry or the node said. Refusals and reasons need Pulltrace to see Kubernetes; without, all are _OTHER.",
		"no failure is known of", []column{
			{field: registry, title: "Registry"},
			{field: errorType, title: "Reason", width: 130},
			{field: "Value", title: "Pulls", width: 70},
		}, rows("failures", query)).
		Span(10).
		SortBy([]cog.Builder[common.TableSortByFieldState]{
			common.NewTableSortByFieldStateBuilder().DisplayName("Pulls").Desc(true),
		})
}

// alerts is the table of the alerts of the rules that fire.
func alerts() cog.Builder[dashboard.Panel] {
	query := fmt.Sprintf("max by (alertname, severity, %s) (%s)",
		list(clusterLabel, k8sNode, host, registry, image, errorType, podNamespace),
		selector("ALERTS", []string{`alertname=~"Pull.+"`, `alertstate="firing"`, chosenCluster, chosenNode, registry + `=~"$registry|"`}))
	return grid("Alerts that fire",
		"Alerts of dashboards/pulltrace.rules.yaml, where Prometheus has loaded it. Click on one for what to do.",
		"none that is known of", []column{
			{field: "alertname", title: "Alert", width: 200, properties: []dashboard.DynamicConfigValue{links(runbook())}},
			{field: "severity", title: "Severity", width: 90},
			{field: registry, title: "Registry"},
			{field: image, title: "Image", min: 180},
			{field: "node", title: "Node", min: 120},
			{field: errorType, title: "Reason", width: 120},
			{field: podNamespace, title: "Namespace", width: 120},
		}, rows("alerts", withNode(query))).Height(7).Span(24)
}
