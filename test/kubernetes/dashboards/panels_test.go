//go:build linux

package dashboards

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/kubernetes/node"
	"github.com/pulltrace/pulltrace/test/peers/prometheus"
)

// Dashboards, as they are in the names of queries.
const (
	now     = "pulltrace-now: "
	history = "pulltrace-history: "
	itself  = "pulltrace-itself: "
)

// Every query of every panel answers, and tells what is true: before the first pull, while
// pulls run, and when they have ended; with recording rules and without; of all, and of
// what is chosen.
func TestPanels(t *testing.T) {
	c := newCluster(t)
	time.Sleep(time.Until(c.watchedSince.Add(2 * interval))) // of which a rate can be told
	held := c.checkAll("before the first pull", nil, c.quiet(), quietReasons())

	tr := c.begin()
	time.Sleep(time.Until(c.watchedSince.Add(time.Minute + interval))) // or rules do not count what begins
	tr.pullShort()
	tr.pullLong()
	tr.waitAlert("PullStalled")
	time.Sleep(time.Until(tr.longSince.Add(settled)))
	held = append(held, c.checkAll("while pulls run", nil, tr.running(), busyReasons())...)
	tr.checkChoice()

	tr.end()
	held = append(held, c.checkAll("when they have ended", nil, tr.ended(), endedReasons())...)
	c.checkHeld(held)
	checkExemplars(t, c.withRules)
}

// checkAll asks both Prometheuses, and returns the panels that facts were held against.
func (c *cluster) checkAll(when string, given map[string][]string, facts []fact, reasons map[string]string) (held []string) {
	c.Helper()
	for rules, p := range map[string]*prometheus.Server{"with rules": c.withRules, "without rules": c.withoutRules} {
		c.Run(when+", "+rules, func(t *testing.T) {
			all := ask(t, p, given)
			reasons := maps.Clone(reasons)
			if p == c.withoutRules {
				reasons[now+"Alerts that fire/alerts"] = "no rules"
			}
			all.checkEmpty(t, reasons)
			for _, f := range facts {
				f.check(t, all, p == c.withRules)
			}
		})
	}
	for _, f := range facts {
		held = append(held, panelOf(f.query))
	}
	return held
}

// checkChoice asks for one node, one registry and one image of it, and for the pods of
// a namespace.
func (tr *truth) checkChoice() {
	tr.Helper()
	slow := tr.nameOf(tr.slow)
	for rules, p := range map[string]*prometheus.Server{"with rules": tr.withRules, "without rules": tr.withoutRules} {
		tr.Run("of a node, "+rules, func(t *testing.T) {
			host := registryName(tr.slow)
			all := ask(t, p, map[string][]string{"node": {otherNode}, "registry": {host}, "image": {slow}})
			all.checkChosen(t, map[string]string{"k8s_node_name": otherNode, "pulltrace_registry": host, "container_image_name": slow})
			all.checkRows(t, now+"What is being pulled/state", 1)
			all.checkRows(t, now+"Layers that are fetched/missing", len(tr.slow.Layers))
			all.checkRows(t, now+"Who waits/progress", 0)
			for _, f := range []fact{
				is(now+"Pulls/A", 1), is(now+"Stalled/A", 0), is(now+"Nodes that pull/A", 1), is(now+"Nodes watched/A", 1),
				// Of what registry the one is that waits for a slot, containerd does not tell yet.
				is(now+"Pulls by phase/A", 1).of(phase, "downloading"), is(now+"Pulls by phase/A", 0).of(phase, "queued"),
				is(itself+"Nodes heard of/A", 1),
			} {
				f.check(t, all, p == tr.withRules)
			}
		})
		tr.Run("of all registries of a node, "+rules, func(t *testing.T) {
			all := ask(t, p, map[string][]string{"node": {otherNode}})
			all.checkChosen(t, map[string]string{"k8s_node_name": otherNode})
			all.checkRows(t, now+"What is being pulled/state", 2)
			is(now+"Pulls/A", 2).check(t, all, p == tr.withRules)
			is(now+"Pulls by phase/A", 1).of(phase, "queued").check(t, all, p == tr.withRules)
		})
		tr.Run("of a namespace, "+rules, func(t *testing.T) {
			all := ask(t, p, map[string][]string{"namespace": {namespace}, "node": {node.Name, otherNode}})
			all.checkRows(t, now+"What is being pulled/state", 2)
			all.checkRows(t, now+"Who waits/progress", 2)
			is(now+"Pulls/A", 4).check(t, all, p == tr.withRules)
		})
	}
}

// unheld are panels with numbers that nothing but Pulltrace knows, or that are known
// elsewhere.
var unheld = map[string]string{
	itself + "Most memory":         "held against the machine's own count by the suite e2e",
	itself + "Memory":              "the same in the course of time",
	itself + "Live series":         "counted in Prometheus by the suite peers",
	itself + "Live series in time": "the same in the course of time",
	itself + "Duration of a poll":  "nobody else measures it",
	itself + "Time spent polling":  "nobody else measures it",
	itself + "Who does not answer": "both nodes answer",
	itself + "Polls that failed":   "none fails",
	itself + "Exports that failed": "none fails",
}

// checkHeld checks that each panel was held against the truth, or has a reason not to be.
func (c *cluster) checkHeld(held []string) {
	c.Helper()
	for _, panel := range ask(c.T, c.withRules, nil).panels() {
		_, excused := unheld[panel]
		if known := slices.Contains(held, panel); known == excused {
			c.Errorf("%s: held against the truth: %t, excused from it: %t", panel, known, excused)
		}
	}
}

// Reasons for panels to be empty.
const (
	never     = "what it shows does not happen here"
	exemplars = "it is there for its exemplars, and as of a time without data"
	noPull    = "nothing is being pulled"
	noEnd     = "no pull has ended"
)

func always() map[string]string {
	return map[string]string{
		itself + "Who does not answer/down": never,
		itself + "Polls that failed/A":      never,
		itself + "Exports that failed/A":    never,
		history + "Quantiles of duration/D": exemplars,
	}
}

func busyReasons() map[string]string { return always() }

// live are the queries of what is being pulled.
func live() []string {
	var queries []string
	for _, column := range []string{"state", "progress", "size", "rate", "left", "idle", "pods"} {
		queries = append(queries, now+"What is being pulled/"+column)
	}
	return append(queries, now+"Who waits/progress", now+"Layers that are fetched/missing", now+"Layers that are fetched/progress")
}

func endedReasons() map[string]string {
	reasons := always()
	for _, query := range live() {
		reasons[query] = noPull
	}
	reasons[now+"Alerts that fire/alerts"] = noPull
	return reasons
}

func quietReasons() map[string]string {
	reasons := endedReasons()
	for _, query := range []string{"Pulls by phase/A", "Download rate by node/A", "Stalled pulls by registry/A"} {
		reasons[now+query] = "no registry is known"
	}
	reasons[now+"Failed in the last 30 minutes/failures"] = noEnd
	for panel, queries := range map[string]string{
		"Failed": "A", "Half took up to": "A", "9 of 10 took up to": "A", "From the cache": "A", "Within $within s": "A",
		"Pulls by outcome": "A", "Failures by registry and reason": "A", "Duration of pulls": "A", "Quantiles of duration": "ABC",
		"Time of a pull": "ABCDEF", "Time of a pull, in the course of time": "ABCDEF", "Rate of a pull, by registry": "A",
		"Bytes of images": "ABC", "Burn rate": "AB", "Left of what the objective allows": "A",
	} {
		for _, query := range queries {
			reasons[history+panel+"/"+string(query)] = noEnd
		}
	}
	for _, query := range []string{"Failures in all/failures", "Bytes by registry/fetched", "Bytes by registry/wasted", "Bytes by registry/cached"} {
		reasons[history+query] = noEnd
	}
	return reasons
}
