package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/cri"
)

// Two programs pull one image by the transfer service, without the event stream:
// containerd stores one record for both, so that how one of them ended is unknown,
// unless a poll comes between the two times that it is written. It is not told as
// failed. (CRI stores two records, by tag and by digest.)
func TestTwoPullsOfWhichOneRecordIsStored(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.since("2.0", "plain HTTP in its transfer service")
	n.proxy.Cut(subscribe)
	n.registry.SetRate(3_000_000)
	img := n.push("one-record:1", 4<<20, 2<<20)
	process := n.watch("--poll-interval=500ms", "--idle-interval=500ms")
	first := make(chan cri.Pull)
	go func() { first <- n.transfer(img) }()
	time.Sleep(apart)
	second := n.transfer(img)
	for _, pull := range []cri.Pull{<-first, second} {
		if pull.Err != nil {
			t.Fatal(pull.Err)
		}
	}
	spans := n.waitSpans(img, 2)
	process.Stop()
	var outcomes []any
	for _, span := range spans {
		outcomes = append(outcomes, span.Attributes["pulltrace.pull.outcome"])
	}
	wrong := slices.ContainsFunc(outcomes, func(o any) bool { return o != "success" && o != "unknown" })
	if len(outcomes) != 2 || wrong || !slices.Contains(outcomes, any("success")) {
		t.Errorf("the pulls ended as %q, want one success, and one that is unknown if it is no success:\n%s", outcomes, n.trees(spans))
	}
}
