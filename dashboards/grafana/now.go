package main

import (
	"fmt"
	"slices"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/table"

	"github.com/pulltrace/pulltrace/semconv"
)

// The recording rules of pulls that run.
const (
	activeByPhase = "registry:pulltrace_pull_active:sum"
	stalledByNode = "node_registry:pulltrace_pull_stalled:sum"

	imageState    = "image:pulltrace_image_layer_count:state"
	imageProgress = "image:pulltrace_image_progress_ratio:max"
	imageSize     = "image:pulltrace_image_size_bytes:max"
	imageRate     = "image:pulltrace_image_rate_bytes_per_second:max"
	imageLeft     = "image:pulltrace_image_remaining_time_seconds:max"
	imageIdle     = "image:pulltrace_image_idle_time_seconds:max"
	imagePods     = "pod:pulltrace_image_pod_count:sum"
	imageWaits    = "image_namespace:pulltrace_image_pod_count:group"
)

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
		fewEnough(rules),
	}, traces())
	row(d, "", numbersNow(rules)...)
	row(d, "", pulls(rules))
	row(d, "", waiters(rules))
	row(d, "", layers(), failed(rules))
	row(d, "", phases(rules), throughput(), stalledByRegistry(rules))
	row(d, "", alerts())
	return d
}

func numbersNow(rules recordings) []cog.Builder[dashboard.Panel] {
	sum := func(rule string) string { return orZero("sum(" + rules.now(rule) + ")") }
	return []cog.Builder[dashboard.Panel]{
		number("Pulls", "Pulls that run now, in every phase.", sum(activeByPhase), "short", notHeard),
		number("Stalled", "Pulls that have not moved for longer than the threshold of Pulltrace (60 s unless it is set). containerd gives one up after 5 minutes without a byte.",
			sum(stalledByNode), "short", notHeard).
			Thresholds(fine(step{1, bad})),
		number("Nodes that pull", "Nodes on which at least one pull runs.",
			orZero(fmt.Sprintf("count(sum by (%s) (%s) > 0)", list(nodeLabels...), live(ofRegistry(name(semconv.PullActive))))), "short", notHeard),
		number("Download rate", "Bytes a second that all these nodes fetch, over the last seconds.", orZero("sum("+rules.running(imageRate)+")"), "binBps", notHeard),
		number("Waiting pods", "Pods that wait for one of these images. Needs Pulltrace to see Kubernetes.",
			fmt.Sprintf("count(group by (%s) (%s))\nor on () 0 * sum(%s)", list(clusterLabel, podNamespace, pod),
				rules.running(imagePods, chosenPods), live(ofNode(name(semconv.KubernetesUp)))),
			"short", "no Kubernetes"),
		number("Nodes watched", "Nodes whose containerd answers Pulltrace. The dashboard “Pulltrace itself” says which do not.",
			orZero("count("+live(ofNode(name(semconv.SourceUp)))+" == 1)"), "short", notHeard),
	}
}

// States of an image, as a rule numbers them. The table has the highest first.
const (
	ended = iota
	resolving
	queued
	unpacking
	downloading
	stalled
)

// chosenPods are those of the chosen namespaces. All namespaces, `.*`, match what has none,
// too.
var chosenPods = podNamespace + `=~"$namespace"`

// ofChosenPods is what a rule records of images that run, and that a pod of the chosen
// namespaces waits for.
func (r recordings) ofChosenPods(rule string) string {
	return fmt.Sprintf("%s\nand on (%s)\n%s", r.now(rule), list(imageLabels...), r.running(imageWaits, chosenPods))
}

// pulls is the table of what is being pulled.
func pulls(rules recordings) *table.PanelBuilder {
	of := func(rule string) string { return named(rules.ofChosenPods(rule)) }
	waiting := named(fmt.Sprintf("count by (%s) (group by (%[1]s, %s) (%s))", list(imageLabels...), list(podNamespace, pod), rules.running(imagePods, chosenPods)))
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
		rows("state", of(imageState)),
		rows("progress", of(imageProgress)),
		rows("size", of(imageSize)),
		rows("rate", of(imageRate)),
		rows("left", "floor("+of(imageLeft)+")"),
		rows("idle", "floor("+of(imageIdle)+")"),
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
func waiters(rules recordings) *table.PanelBuilder {
	query := fmt.Sprintf(`label_join(%s, "waiter", "", %q, %q)`, named(fmt.Sprintf("%s\n* on (%s) group_left ()\n(%s or 0 * %s)",
		rules.running(imagePods, chosenPods), list(imageLabels...), rules.now(imageProgress), rules.now(imageIdle))), container, volume)
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

// mostImages is of how many images layers are listed, at most.
const mostImages = 50

// fewEnough tells of what registries layers are listed: of all, or, as long as too many images
// are pulled for a table, of none. Each of them has several.
func fewEnough(rules recordings) cog.Builder[dashboard.VariableModel] {
	return either("layers", fmt.Sprintf("count(%s) > %d", rules.running(imageIdle), mostImages)).
		Description("Of what registries layers are listed: of none, as long as images are too many.")
}

// layers is the table of the layers in flight.
func layers() *table.PanelBuilder {
	chosen := registry + `=~"$layers"`
	by := list(append(slices.Clone(imageLabels), layerIndex, layerDigest)...)
	expected := fmt.Sprintf("max by (%s) (%s)", by, live(ofImage(name(semconv.LayerExpected), chosen)))
	got := fmt.Sprintf("max by (%s) (%s)", by, live(ofImage(name(semconv.LayerDownloaded), chosen)))
	// The twelve digits that the clients show.
	short := func(query string) string {
		return fmt.Sprintf(`label_replace(%s, "digest", "$1", %q, "sha256:(.{12}).*")`, named(query), layerDigest)
	}
	return grid("Layers that are fetched",
		fmt.Sprintf("Layers whose download has begun, of the images and nodes that are chosen, as long as these are no more than %d images. containerd tells in steps of 1 MiB.", mostImages),
		fmt.Sprintf("nothing is being pulled, or more than %d images: choose one", mostImages), []column{
			{field: layerIndex, title: "Layer", width: 60},
			{field: "Value #progress", title: "Fetched", width: 130, properties: bar()},
			{field: "Value #missing", title: "To come", width: 95, properties: []dashboard.DynamicConfigValue{unit("bytes")}},
			{field: "image", title: "Image", min: 140},
			{field: "node", title: "Node", min: 80},
			{field: "digest", title: "Digest", width: 115},
		},
		rows("missing", short(expected+" - "+got)),
		rows("progress", short(got+" / "+expected)),
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

func stalledByRegistry(rules recordings) cog.Builder[dashboard.Panel] {
	return stacked("Stalled pulls by registry",
		"Pulls that have not moved for longer than Pulltrace's threshold. One node, many registries: the node. One registry, many nodes: the registry.",
		"short", notHeard,
		course(fmt.Sprintf("sum by (%s) (%s)", registry, rules.now(stalledByNode)), "{{"+registry+"}}")).
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
