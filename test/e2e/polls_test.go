package e2e

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
)

// listNamespaces is what every poll begins with.
const listNamespaces = "/containerd.services.namespaces.v1.Namespaces/List"

// A poll that fails is told with its reason, and how long it took; the source is
// down as long, and what is wrong with one poll is forgotten with the next.
func TestPollsThatFail(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	process := n.watch("--idle-interval=500ms")
	for _, test := range []struct {
		errorType string
		fault     func()
		atLeast   time.Duration
	}{
		{"connection", func() { n.proxy.Cut(listNamespaces) }, 0},
		{"timeout", func() { n.proxy.Delay(listNamespaces, 5*time.Second) }, time.Second},
		{"_OTHER", func() { n.proxy.Refuse(listNamespaces, codes.Internal) }, 0},
	} {
		since := time.Now()
		test.fault()
		n.wait("a poll that failed by "+test.errorType, func() bool { return n.failedPolls(test.errorType) > 0 })
		n.waitSource(0, since)
		n.proxy.Mend(listNamespaces)
		n.waitSource(1, time.Now())
		if took := n.failedPolls(test.errorType); took < test.atLeast {
			t.Errorf("the poll that failed by %s took %s, want %s at least", test.errorType, took, test.atLeast)
		}
	}
	process.Stop()
}

// failedPolls is how long polls with this error took together, as told last.
func (n *node) failedPolls(errorType string) (sum time.Duration) {
	for _, p := range n.receiver.Points("pulltrace.source.poll.duration") {
		if p.Attributes["error.type"] == errorType {
			sum = time.Duration(p.Sum * float64(time.Second))
		}
	}
	return sum
}
