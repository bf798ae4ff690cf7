//go:build linux

package dashboards

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/pulltrace/pulltrace/test/kubernetes/node"
	"github.com/pulltrace/pulltrace/test/registry"
)

const (
	// late is how old what is told may be: an interval, and what it takes on a busy machine.
	late = interval + 10*time.Second
	// recordedLate is how old it may be where rules have recorded it, every 15 s.
	recordedLate = late + 15*time.Second
	// granule is the step in which containerd tells of a layer.
	granule = 1 * mib
)

// quiet is what is true before the first pull.
func (c *cluster) quiet() []fact {
	return append(c.always(), is(now+"Pulls/A", 0), is(now+"Stalled/A", 0), is(now+"Nodes that pull/A", 0),
		is(now+"Download rate/A", 0), is(now+"Waiting pods/A", 0), is(history+"Pulls/A", 0))
}

// always is what is true all the time.
func (c *cluster) always() []fact {
	return []fact{
		is(now+"Nodes watched/A", 2), is(itself+"Nodes heard of/A", 2), is(itself+"containerd silent/A", 0),
		is(itself+"Kubernetes silent/A", 0), is(itself+"Failed exports/A", 0), is(itself+"Versions/versions", 2),
	}
}

// States of an image.
const (
	stateResolving   = 1
	stateQueued      = 2
	stateDownloading = 4
	stateStalled     = 5
)

// running is what is true while pulls run.
func (tr *truth) running() []fact {
	facts := append(tr.always(),
		is(now+"Pulls/A", 4), is(now+"Stalled/A", 1), is(now+"Nodes that pull/A", 2), within(now+"Download rate/A", slowly, 10*slowly), is(now+"Waiting pods/A", 2),
		is(now+"Pulls by phase/A", 3).of(phase, "downloading"), is(now+"Pulls by phase/A", 1).of(phase, "queued"),
		is(now+"Pulls by phase/A", 0).of(phase, "resolving"), is(now+"Pulls by phase/A", 0).of(phase, "unpacking"),
		is(now+"Stalled pulls by registry/A", 1).of(ofRegistry, registryName(tr.stalled)), is(now+"Stalled pulls by registry/A", 0).of(ofRegistry, registryName(tr.slow)),
	)
	facts = append(facts, tr.failures(now+"Failed in the last 30 minutes/failures")...)
	for name, reg := range map[string]*registry.Registry{node.Name: tr.own, otherNode: tr.other} {
		facts = append(facts, within(now+"Download rate by node/A", slowly/3, float64(blobBytes(reg))/45).of("node", name))
	}
	const table = now + "What is being pulled/"
	// What its manifest says waits for a slot as well, so nothing of it may be known.
	facts = append(facts, within(table+"state", stateResolving, stateQueued).ofImage(tr.queued))
	for img, state := range map[*registry.Image]float64{tr.stalled: stateStalled, tr.moving: stateDownloading, tr.slow: stateDownloading} {
		facts = append(facts, is(table+"state", state).ofImage(img), is(table+"size", float64(img.Size())).ofImage(img),
			tr.progress(table+"progress", img).ofImage(img))
	}
	for pod, img := range map[string]*registry.Image{"stalled": tr.stalled, "moving": tr.moving} {
		facts = append(facts, is(table+"pods", 1).ofImage(img), tr.progress(now+"Who waits/progress", img).of("k8s_pod_name", pod).of("k8s_namespace_name", namespace).of("pulltrace_image_tag", img.Tag))
	}
	alert := is(now+"Alerts that fire/alerts", 1).of("alertname", "PullStalled").of("node", node.Name).of("k8s_namespace_name", namespace).of(ofRegistry, registryName(tr.stalled))
	alert.rulesOnly = true
	facts = append(facts, alert)
	stands := time.Since(tr.stoodSince).Seconds()
	facts = append(facts,
		within(table+"idle", stands-late.Seconds(), stands+late.Seconds()).whenRecorded(stands-recordedLate.Seconds(), stands+late.Seconds()).ofImage(tr.stalled), is(table+"rate", 0).ofImage(tr.stalled),
		within(table+"idle", 0, 2*granule/slowly+late.Seconds()).ofImage(tr.moving))
	for _, img := range []*registry.Image{tr.moving, tr.slow} {
		facts = append(facts, within(table+"rate", slowly/4, 10*slowly).ofImage(img), within(table+"left", 1, 5*float64(img.Size())/slowly).ofImage(img))
	}
	for _, img := range []*registry.Image{tr.stalled, tr.moving, tr.slow} {
		for i, l := range img.Layers {
			const layers = now + "Layers that are fetched/"
			of := func(f fact) fact {
				return f.ofImage(img).of("pulltrace_layer_digest", l.Digest.String()).of("pulltrace_layer_index", fmt.Sprint(i))
			}
			served := float64(tr.served(img, l.Digest.String()))
			low, high := max(served-granule-late.Seconds()*slowly, 0), served+late.Seconds()*slowly
			facts = append(facts, of(within(layers+"missing", float64(l.Size)-high, float64(l.Size)-low)),
				of(within(layers+"progress", low/float64(l.Size), high/float64(l.Size))))
		}
	}
	return facts
}

const (
	phase      = "pulltrace_pull_phase"
	ofRegistry = "pulltrace_registry"
)

// ofImage is the fact of an image, by its digest: how it is named is found out later.
func (f fact) ofImage(img *registry.Image) fact {
	return f.of("oci_manifest_digest", img.Root.Digest.String())
}

// progress is the fact of how far a pull is.
func (tr *truth) progress(query string, img *registry.Image) fact {
	low, high := tr.progressOf(img, late)
	return within(query, low, high).whenRecorded(tr.progressOf(img, recordedLate))
}

// progressOf is how far a pull can be told to be: what was served, as it is now and as it
// was when that was told at the earliest.
func (tr *truth) progressOf(img *registry.Image, late time.Duration) (low, high float64) {
	var served int64
	for _, blob := range img.Blobs() {
		served += tr.served(img, blob.String())
	}
	ago := late.Seconds() * slowly * float64(len(img.Layers))
	if img == tr.stalled {
		ago = 0
	}
	size := float64(img.Size())
	return max(float64(served)-float64(len(img.Layers))*granule-ago, 0) / size, min((float64(served)+ago)/size, 1)
}

func (tr *truth) served(img *registry.Image, blob string) (bytes int64) {
	for _, reg := range []*registry.Registry{tr.own, tr.other} {
		for _, req := range reg.Requests() {
			if req.Blob && req.Repository == img.Repository && reg.Host() == img.Host && req.Digest.String() == blob {
				bytes += req.Written
			}
		}
	}
	return bytes
}

// blobBytes is what a registry has served of configs and layers.
func blobBytes(reg *registry.Registry) (bytes int64) {
	for _, req := range reg.Requests() {
		if req.Blob {
			bytes += req.Written
		}
	}
	return bytes
}

// registryName is how metrics name the registry of an image: without the port.
func registryName(img *registry.Image) string {
	host, _, _ := strings.Cut(img.Host, ":")
	return host
}

// nameOf is how the series of an image name it, which is to be chosen.
func (tr *truth) nameOf(img *registry.Image) string {
	tr.Helper()
	series := tr.withRules.Query(fmt.Sprintf("pulltrace_image_idle_time_seconds{oci_manifest_digest=%q}", img.Root.Digest), time.Now())
	if len(series) != 1 {
		tr.Fatalf("%s has the series %v", img.Ref(), series)
	}
	return string(series[0].Metric["container_image_name"])
}

// ended is what is true when all pulls have ended.
func (tr *truth) ended() []fact {
	facts := append(tr.always(), is(now+"Pulls/A", 0), is(now+"Stalled/A", 0), is(now+"Nodes that pull/A", 0), is(now+"Download rate/A", 0), is(now+"Waiting pods/A", 0))
	facts = append(facts, tr.counts()...)
	facts = append(facts, tr.times()...)
	return append(facts, tr.bytes()...)
}

// otherFailed is how many pulls of the other node fail.
const otherFailed = 2

// counts are how many pulls went how. The kubelet may have tried again what Pulltrace was not
// told of any more: the pod was removed.
func (tr *truth) counts() []fact {
	well := float64(len(tr.pulls))
	least, most := 0.0, 0.0
	for _, attempts := range tr.attempts {
		least, most = least+1, most+float64(attempts)
	}
	refused := most - float64(tr.attempts["failed"])
	facts := []fact{
		within(history+"Pulls/A", well+otherFailed+least, well+otherFailed+most),
		within(history+"Failed/A", (otherFailed+least)/(well+otherFailed+least), (otherFailed+most)/(well+otherFailed+most)),
		is(history+"Pulls by outcome/A", well).of("pulltrace_pull_outcome", "success").inAll(),
		within(history+"Pulls by outcome/A", otherFailed+1, float64(otherFailed+tr.attempts["failed"])).of("pulltrace_pull_outcome", "failure").inAll(),
		within(history+"Pulls by outcome/A", least-1, refused).of("pulltrace_pull_outcome", "refused").inAll(),
	}
	facts = append(facts, tr.failures(history+"Failures by registry and reason/A")...)
	return append(facts, tr.failures(history+"Failures in all/failures")...)
}

// failures are those of a panel by registry and reason, of which only Kubernetes knows.
func (tr *truth) failures(query string) []fact {
	f := func(low, high int, img *registry.Image, reason string) fact {
		return within(query, float64(low), float64(high)).of(ofRegistry, registryName(img)).of("error_type", reason).inAll()
	}
	return []fact{
		f(otherFailed, otherFailed, tr.slow, "_OTHER"),
		f(1, tr.attempts["unauthorized"], tr.stalled, "unauthorized"),
		f(1, tr.attempts["rate_limited"], tr.stalled, "rate_limited"),
		f(2, tr.attempts["not_found"]+tr.attempts["failed"], tr.stalled, "not_found"),
	}
}

// seen are the pulls that a rate sees: all but that with which a histogram begins.
func (tr *truth) seen() []float64 {
	var took []float64
	for _, p := range tr.pulls {
		if !p.first {
			took = append(took, p.took.Seconds())
		}
	}
	slices.Sort(took)
	return took
}

// bounds are those of the histogram of durations.
var bounds = []float64{0, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 180, 300, 600, 1200, 1800, 3600, math.Inf(1)}

// quantile is where a quantile of times can be told to be: a histogram knows no more than a
// bucket, and nodes do not weigh the same, so that it may be the next pull's.
func quantile(q float64, took []float64) (low, high float64) {
	at := int(q * float64(len(took)))
	first, last := took[max(at-2, 0)], took[min(at+1, len(took)-1)]
	i, _ := slices.BinarySearch(bounds, first*0.95)
	j, _ := slices.BinarySearch(bounds, last*1.05)
	return bounds[max(i-1, 0)], bounds[j]
}

// recent is what the latest weighs of what rules record, at least.
const recent = 0.2

func (tr *truth) times() []fact {
	took := tr.seen()
	var sum, inTime float64
	for _, t := range took {
		sum += t
		if t <= 60 {
			inTime++
		}
	}
	mean := sum / float64(len(took))
	good := inTime / (float64(len(took)) + 1) // one of those on the other node that failed
	around := func(query string, value float64) fact { return within(query, value*0.75, value*1.25) }

	// Rules record a mean of five minutes every minute. What was last is in few of these yet,
	// and so weighs as little as a fifth of what was before.
	bad := float64(len(took)) + 1 - inTime
	least, most := recent*inTime/(recent*inTime+bad), inTime/(inTime+recent*bad)
	burnt := func(good float64) float64 { return (1 - good) / 0.05 }

	facts := []fact{
		within(history+"Within $within s/A", good-0.1, good+0.1).whenRecorded(least, most),
		within(history+"Burn rate/A", burnt(good+0.1), burnt(good-0.1)).whenRecorded(burnt(most), burnt(least)),
		within(history+"Burn rate/B", burnt(good+0.1), burnt(good-0.1)).whenRecorded(burnt(most), burnt(least)),
		within(history+"Left of what the objective allows/A", 1-burnt(good-0.1), 1-burnt(good+0.1)).whenRecorded(1-burnt(least), 1-burnt(most)),
		around(history+"Time of a pull/F", mean).whenRecorded(took[0], took[len(took)-1]),
		within(history+"Duration of pulls/A", 0, 1.5*float64(len(took))/300).of("le", "+Inf"),
		within(history+"Time of a pull, in the course of time/F", took[0], took[len(took)-1]*1.05),
	}
	for query, q := range map[string]float64{"Half took up to/A": 0.5, "9 of 10 took up to/A": 0.9, "Quantiles of duration/A": 0.5, "Quantiles of duration/B": 0.9, "Quantiles of duration/C": 0.99} {
		low, high := quantile(q, took)
		first, _ := quantile(0, took)
		_, last := quantile(1, took)
		facts = append(facts, within(history+query, low, high).whenRecorded(first, last))
	}
	for _, part := range "ABCDE" {
		facts = append(facts, within(history+"Time of a pull/"+string(part), 0, mean*1.25))
	}
	return facts
}

func (tr *truth) bytes() (facts []fact) {
	around := func(query string, value float64) fact {
		return within(query, value*0.85, value*1.15).whenRecorded(value*recent*0.85, value*1.15)
	}
	own, other := registryName(tr.stalled), registryName(tr.slow)
	fetched := map[string]float64{own: float64(blobBytes(tr.own)), other: float64(blobBytes(tr.other))}
	// What shares layers has them already, and what is pulled again all but its config, which
	// counts as it comes.
	cached := map[string]float64{own: float64(tr.second.Layers[0].Size), other: float64(tr.otherFirst.Layers[0].Size + tr.otherSecond.Size())}
	wasted := map[string]float64{own: fetchedByBroken * float64(tr.attempts["failed"]), other: 2 * fetchedByBroken}
	for registry, bytes := range fetched {
		facts = append(facts, around(history+"Bytes by registry/fetched", bytes).of(ofRegistry, registry),
			around(history+"Bytes by registry/cached", cached[registry]).of(ofRegistry, registry),
			around(history+"Bytes by registry/wasted", wasted[registry]).of(ofRegistry, registry),
			within(history+"Rate of a pull, by registry/A", slowly/4, 1e9).of(ofRegistry, registry))
	}
	all := fetched[own] + fetched[other]
	hit := cached[own] + cached[other]
	return append(facts, within(history+"From the cache/A", 0.85*hit/(hit+all), 1.15*hit/(hit+all)).whenRecorded(hit*recent/(hit+all), hit/(hit+all*recent)),
		within(history+"Bytes of images/A", 0.2*all/300, 1.2*all/300))
}
