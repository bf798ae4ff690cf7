package e2e

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/otlp"
	"github.com/pulltrace/pulltrace/test/registry"
)

// An image is asked for again while it is pulled. The second pull finds a root that has
// its name already, and is told by it from the start.
func TestSecondCallerIsNamed(t *testing.T) { onEachVersion(t, secondCallerIsNamed) }

func secondCallerIsNamed(n *node) {
	img := n.push("again:1", 6<<20)
	n.pullInTheMiddleOf(img, img)
	n.checkSecondStartedAs(earlyName(img))
}

// The same digest is asked for from another repository: its root has the name of the
// first one, and the second is never told by it, also not when both are over.
func TestSecondRepositoryIsNotNamedAsTheFirst(t *testing.T) {
	onEachVersion(t, secondRepositoryIsNotNamedAsTheFirst)
}

func secondRepositoryIsNotNamedAsTheFirst(n *node) {
	first := n.push("this:1", 6<<20)
	second, err := n.registry.Tag(first, "that:1")
	if err != nil {
		n.Fatal(err)
	}
	n.pullInTheMiddleOf(first, second)
	n.checkSecondStartedAs(nil) // which of the two nothing tells
	spans := n.pullSpans(first)
	slices.SortFunc(spans, func(a, b otlp.Span) int { return a.Start.Compare(b.Start) })
	n.checkAttribute(spans[0], "container.image.name", first.Name())
	n.checkAttribute(spans[1], "container.image.name", second.Name())
}

// pullInTheMiddleOf pulls an image when half of another one is there: either may be done
// first then.
func (n *node) pullInTheMiddleOf(first, second *registry.Image) {
	n.Helper()
	n.registry.SetRate(2_000_000)
	process := n.watch()
	running := n.cri.Start(n.Context(), first.Ref())
	time.Sleep(1500 * time.Millisecond)
	n.pull(second)
	if pull := <-running; pull.Err != nil {
		n.Fatal(pull.Err)
	}
	n.waitSpans(first, 2)
	process.Stop()
	if spans := n.pullSpans(first); len(spans) != 2 {
		n.Fatalf("two pulls have %d spans:\n%s", len(spans), n.trees(spans))
	}
}

// earlyName is the name of an image before its record is written, as containerd's labels
// have it: without the port.
func earlyName(img *registry.Image) string {
	host, _, _ := net.SplitHostPort(img.Host)
	return strings.Replace(img.Name(), img.Host, host, 1)
}

// checkSecondStartedAs checks by which name the second of two pulls was told as it started;
// nil is none.
func (n *node) checkSecondStartedAs(name any) {
	n.Helper()
	events := n.receiver.Events("pulltrace.pull.started")
	if len(events) != 2 {
		n.Fatalf("%d pulls were told to have started, want 2", len(events))
	}
	last := slices.MaxFunc(events, func(a, b otlp.Event) int { return a.Time.Compare(b.Time) })
	if got := last.Attributes["container.image.name"]; got != name {
		n.Errorf("the second pull was told as %v when it started, want %v", got, name)
	}
}
