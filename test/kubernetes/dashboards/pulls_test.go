//go:build linux

package dashboards

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/kubernetes/node"
	"github.com/pulltrace/pulltrace/test/registry"
)

const (
	slowly  = 400_000          // bytes a second of a layer, of which containerd tells each MiB
	stallAt = 3 * mib          // of a layer
	settled = 75 * time.Second // from what happened to what is recorded of a minute

	fetchedByBroken = 1 * mib // before its other layer is asked for
)

// pull is one that went well.
type pull struct {
	*registry.Image
	node  string
	took  time.Duration // by the clock of its caller
	first bool          // of its node: a histogram begins with it, and no rate sees it
}

// truth is what is asked for and known from elsewhere than Pulltrace.
type truth struct {
	*cluster
	first, second, sharing, stalled, moving *registry.Image // of the node with pods
	slow, queued, otherFirst, otherSecond   *registry.Image // of the other one
	stoodSince                              time.Time       // when the registry has served the last byte of stalled
	longSince                               time.Time       // when the slow ones run and wait
	pulls                                   []pull

	calls map[*registry.Image]<-chan cri.Pull // that run
	// attempts are those of the kubelet in vain, by what was wrong.
	attempts map[string]int
}

func (c *cluster) push(reg *registry.Registry, name string, shared []*registry.Layer, sizes ...int64) *registry.Image {
	c.Helper()
	layers, err := registry.NewLayers(sizes...)
	if err != nil {
		c.Fatal(err)
	}
	img, err := reg.Push(namespace+"/"+name, slices.Concat(shared, layers))
	if err != nil {
		c.Fatal(err)
	}
	return img
}

// begin begins a pull that stands still, since that takes longest.
func (c *cluster) begin() *truth {
	c.Helper()
	tr := &truth{cluster: c, calls: make(map[*registry.Image]<-chan cri.Pull), attempts: make(map[string]int)}
	tr.stalled = c.push(c.own, "stalled:1", nil, 6*mib)
	layer := tr.stalled.Layers[0].Digest
	c.own.SetFaults(layer, registry.StallAt(stallAt))
	c.createPod("stalled", tr.stalled.Ref())
	c.waitFor("the layer to be served as far as it goes", func() error {
		if got := c.own.Served(layer); got != stallAt {
			return fmt.Errorf("%d bytes are", got)
		}
		return nil
	})
	tr.stoodSince = time.Now()
	return tr
}

// pullShort pulls what is soon over, on both nodes: first what counters and histograms begin
// with, and then, a sample later, what they are increased by.
func (tr *truth) pullShort() {
	tr.Helper()
	tr.first = tr.push(tr.own, "first:1", nil, 2*mib, 3*mib)
	tr.createPod("first", tr.first.Ref())
	tr.otherFirst = tr.push(tr.other, "first:1", nil, 1*mib)
	tr.pullOn(tr.otherFirst, true)
	tr.waitRunning("first")
	tr.pulls = append(tr.pulls, pull{tr.first, node.Name, tr.tookPod("first", tr.first), true})
	time.Sleep(interval + 2*time.Second)

	tr.failOn("missing:1")
	failed := time.Now()
	tr.otherSecond = tr.push(tr.other, "second:1", tr.otherFirst.Layers, 2*mib)
	tr.pullOn(tr.otherSecond, false)
	tr.other.SetFaults(tr.otherSecond.Root.Digest, registry.Delay(2*time.Second)) // or it is over before it is seen
	tr.pullOn(tr.otherSecond, false)

	tr.second = tr.push(tr.own, "second:1", nil, 2*mib)
	tr.sharing = tr.push(tr.own, "sharing:1", tr.second.Layers, 1*mib)
	for name, img := range map[string]*registry.Image{"second": tr.second, "sharing": tr.sharing} {
		tr.createPod(name, img.Ref())
		tr.waitRunning(name)
		tr.pulls = append(tr.pulls, pull{img, node.Name, tr.tookPod(name, img), false})
	}
	tr.refuse()
	time.Sleep(time.Until(failed.Add(interval + 2*time.Second)))
	tr.failOn("missing:2")
}

// pullOn pulls on the other node.
func (tr *truth) pullOn(img *registry.Image, first bool) {
	tr.Helper()
	p := tr.cri.Pull(tr.Context(), img.Ref())
	if p.Err != nil {
		tr.Fatal(p.Err)
	}
	tr.pulls = append(tr.pulls, pull{img, otherNode, p.End.Sub(p.Start), first})
}

// failOn pulls an image on the other node that misses a layer.
func (tr *truth) failOn(name string) {
	tr.Helper()
	img := tr.broken(tr.other, name)
	if p := tr.cri.Pull(tr.Context(), img.Ref()); p.Err == nil {
		tr.Fatalf("%s is pulled, though a layer of it is missing", img.Ref())
	}
}

// broken is an image of which a layer is missing, which is found out when another one is there.
func (c *cluster) broken(reg *registry.Registry, name string) *registry.Image {
	c.Helper()
	img := c.push(reg, name, nil, fetchedByBroken, 2*mib)
	reg.SetFaults(img.Layers[1].Digest, registry.Delay(2*time.Second), registry.Status(http.StatusNotFound))
	return img
}

// refuse creates pods whose images are refused, or fail, and removes them when that has been
// told: the kubelet would try again.
func (tr *truth) refuse() {
	tr.Helper()
	denied, limited := tr.push(tr.own, "denied:1", nil, 1*mib), tr.push(tr.own, "limited:1", nil, 1*mib)
	tr.own.SetFaults(denied.Root.Digest, registry.Status(http.StatusUnauthorized))
	tr.own.SetFaults(limited.Root.Digest, registry.Status(http.StatusTooManyRequests))
	pods := map[string]string{ // by what is wrong
		"not_found":    tr.own.Host() + "/" + namespace + "/nothing:1",
		"unauthorized": denied.Ref(),
		"rate_limited": limited.Ref(),
		"failed":       tr.broken(tr.own, "broken:1").Ref(),
	}
	name := func(wrong string) string { return "wrong-" + regexp.MustCompile(`_`).ReplaceAllString(wrong, "-") }
	for wrong, image := range pods {
		tr.createPod(name(wrong), image)
	}
	tr.waitFor("refusals to be told", func() error {
		told := tr.withRules.Query(`pulltrace_pull_refused_total > 0 or pulltrace_pull_duration_seconds_count{pulltrace_pull_outcome="failure", k8s_node_name="`+node.Name+`"}`, time.Now())
		if len(told) < len(pods) {
			return fmt.Errorf("told are %v", told)
		}
		return nil
	})
	for wrong := range pods {
		err := tr.Client.CoreV1().Pods(namespace).Delete(tr.Context(), name(wrong), metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))})
		if err != nil {
			tr.Fatal(err)
		}
	}
	for wrong := range pods {
		for _, e := range tr.events(name(wrong), "Failed") {
			if failedMessage.MatchString(e.Message) {
				tr.attempts[wrong] += int(max(e.Count, 1))
			}
		}
	}
}

var (
	failedMessage = regexp.MustCompile(`^Failed to pull image `)
	pulledMessage = regexp.MustCompile(`^Successfully pulled image "(.+)" in (\S+) \(`)
)

// tookPod is how long the kubelet says that the call for a pod's image took.
func (tr *truth) tookPod(pod string, img *registry.Image) (took time.Duration) {
	tr.Helper()
	tr.waitFor("an event of the pull of "+img.Ref(), func() (err error) {
		for _, e := range tr.events(pod, "Pulled") {
			if parts := pulledMessage.FindStringSubmatch(e.Message); parts != nil && parts[1] == img.Ref() {
				took, err = time.ParseDuration(parts[2])
				return err
			}
		}
		return fmt.Errorf("there is none")
	})
	return took
}

// pullLong begins pulls that take longer than anybody looks: one for a pod, one that has all
// slots of the other node, and one that waits for a slot.
func (tr *truth) pullLong() {
	tr.Helper()
	const layer = 45_000_000
	tr.moving = tr.push(tr.own, "moving:1", nil, layer)
	tr.slow = tr.push(tr.other, "slow:1", nil, layer, layer, layer)
	tr.setLayerRates(slowly)
	tr.createPod("moving", tr.moving.Ref())
	tr.calls[tr.slow] = tr.cri.Start(tr.Context(), tr.slow.Ref())
	tr.waitFor("all layers to be served", func() error {
		for _, l := range tr.slow.Layers {
			if tr.other.Served(l.Digest) == 0 {
				return fmt.Errorf("%s is not", l.Digest)
			}
		}
		return nil
	})
	tr.queued = tr.push(tr.other, "queued:1", nil, 1*mib)
	tr.calls[tr.queued] = tr.cri.Start(tr.Context(), tr.queued.Ref())
	tr.longSince = time.Now()
}

// setLayerRates sets how fast the layers are served that take long. Together they would not be
// equally fast, and a slot free early.
func (tr *truth) setLayerRates(bytesPerSecond int) {
	for _, l := range tr.moving.Layers {
		tr.own.SetDigestRate(l.Digest, bytesPerSecond)
	}
	for _, l := range tr.slow.Layers {
		tr.other.SetDigestRate(l.Digest, bytesPerSecond)
	}
}

// waitAlert waits for an alert to fire.
func (tr *truth) waitAlert(name string) {
	tr.Helper()
	tr.waitFor("the alert "+name, func() error {
		if firing := tr.withRules.Query(`ALERTS{alertstate="firing", alertname="`+name+`"}`, time.Now()); len(firing) == 0 {
			return fmt.Errorf("it does not fire")
		}
		return nil
	})
}

// end lets all pulls end, and waits until that is told.
func (tr *truth) end() {
	tr.Helper()
	tr.own.SetFaults(tr.stalled.Layers[0].Digest)
	tr.setLayerRates(0)
	for img, call := range tr.calls {
		p := <-call
		if p.Err != nil {
			tr.Fatal(p.Err)
		}
		tr.pulls = append(tr.pulls, pull{img, otherNode, p.End.Sub(p.Start), false})
	}
	for name, img := range map[string]*registry.Image{"stalled": tr.stalled, "moving": tr.moving} {
		tr.waitRunning(name)
		tr.pulls = append(tr.pulls, pull{img, node.Name, tr.tookPod(name, img), false})
	}
	time.Sleep(settled)
}
