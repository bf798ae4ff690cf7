package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/containerd/containerd/api/events"
	eventsapi "github.com/containerd/containerd/api/services/events/v1"
	"github.com/opencontainers/go-digest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/pulltrace/pulltrace/test/registry"
)

const subscribe = "/containerd.services.events.v1.Events/Subscribe"

// Without the event stream a good pull is still told whole, from what containerd
// stores, and a failed one ends within one poll, as the span says.
func TestPullsWithoutTheEventStream(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.proxy.Cut(subscribe)
	img := n.push("streamless:1", 3<<20, 2<<20, 1<<20, 1<<20)
	n.registry.SetRate(3_000_000)
	process := n.watch("--poll-interval=500ms", "--idle-interval=500ms")
	pull := n.pull(img)
	span := n.waitSpans(img, 1)[0]
	n.checkSuccess(span, img, pull, n.registry.Served(img.Blobs()...))
	n.checkTree(span, img.Layers, img)

	broken := n.push("streamless-broken:1", 1<<20, 4<<20)
	n.registry.SetFaults(broken.Layers[1].Digest, registry.CutAt(2<<20))
	failed := n.cri.Pull(t.Context(), broken.Ref())
	if failed.Err == nil {
		t.Fatal("the pull of a cut layer went well")
	}
	span = n.onlySpan(broken, process)
	n.checkAttribute(span, "pulltrace.pull.outcome", "failure")
	n.checkEstimated(span, "pull.end")
	if late := span.End.Sub(failed.End); late < -clockLimit || late > time.Second {
		t.Errorf("the failed pull ends %s after the call, want at most one poll, and what that takes", late)
	}
	if up := n.values("pulltrace.source.events.up"); len(up) == 0 || slices.Max(up) != 0 {
		t.Errorf("pulltrace.source.events.up was %v, want 0 each time", up)
	}
}

// The event stream breaks in the middle of a pull and comes back: nothing is
// lost, and nothing is told twice.
func TestEventStreamCutInTheMiddleOfAPull(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.push("cut-stream:1", 2<<20, 3<<20, 1<<20)
	n.registry.SetRate(2_000_000)
	process := n.watch()
	done := n.cri.Start(t.Context(), img.Ref())
	for range 3 {
		time.Sleep(500 * time.Millisecond)
		n.proxy.Cut(subscribe)
		time.Sleep(200 * time.Millisecond)
		n.proxy.Mend(subscribe)
	}
	pull := <-done
	if pull.Err != nil {
		t.Fatal(pull.Err)
	}
	n.wait("the events to be up again", func() bool {
		up := n.values("pulltrace.source.events.up")
		return len(up) > 0 && slices.Min(up) == 0 && up[len(up)-1] == 1
	})
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, n.registry.Served(img.Blobs()...))
	n.checkTree(span, img.Layers, img)
}

// Events come two seconds late: polls tell of the pulls, and late events are
// not taken for those of the next pull.
func TestEventStreamDelayed(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.proxy.Delay(subscribe, 2*time.Second)
	img := n.push("delayed:1", 2<<20, 2<<20)
	n.registry.SetRate(3_000_000)
	process := n.watch("--idle-interval=500ms")
	pull := n.pull(img)
	n.waitSpans(img, 1)
	if err := n.cri.Remove(t.Context(), img.Ref()); err != nil {
		t.Fatal(err)
	}
	before := n.registry.Served(img.Blobs()...)
	again := n.pull(img)
	n.waitSpans(img, 2)
	time.Sleep(2500 * time.Millisecond) // for the last events
	process.Stop()
	spans := n.pullSpans(img)
	if len(spans) != 2 {
		t.Fatalf("%d spans, want 2:\n%s", len(spans), n.trees(spans))
	}
	n.checkSuccess(spans[0], img, pull, img.Size())
	n.checkSpans(spans[0], img.Layers, img) // containerd's records are of the second pull
	n.checkSuccess(spans[1], img, again, n.registry.Served(img.Blobs()...)-before)
	n.checkTree(spans[1], img.Layers, img)
}

// Twenty thousand events of others during a pull, and no more memory or wrong
// told than without.
func TestEventStreamFlooded(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	img := n.push("flooded:1", 3<<20, 3<<20)
	n.registry.SetRate(1_500_000)
	process := n.watch()
	before := process.Memory()
	done := n.cri.Start(t.Context(), img.Ref())
	time.Sleep(500 * time.Millisecond)
	n.flood(20_000)
	pull := <-done
	if pull.Err != nil {
		t.Fatal(pull.Err)
	}
	grown := process.Memory() - before
	t.Logf("%d events made pulltrace %.1f MiB larger", 20_000, float64(grown)/(1<<20))
	if limit := int64(32 << 20); grown > limit {
		t.Errorf("pulltrace has grown by %d bytes, more than %d", grown, limit)
	}
	span := n.onlySpan(img, process)
	n.checkSuccess(span, img, pull, n.registry.Served(img.Blobs()...))
}

// flood publishes so many events of blobs that no pull has.
func (n *node) flood(count int) {
	n.Helper()
	conn, err := grpc.NewClient("unix://"+n.daemon.Socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		n.Fatal(err)
	}
	defer conn.Close()
	client := eventsapi.NewEventsClient(conn)
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(n.Context(), "containerd-namespace", "k8s.io"), time.Minute)
	defer cancel()
	for i := range count {
		event, err := anypb.New(&events.ContentCreate{Digest: digest.FromString(fmt.Sprint(i)).String(), Size: 1})
		if err != nil {
			n.Fatal(err)
		}
		event.TypeUrl = "containerd.events.ContentCreate" // as containerd writes it
		if _, err := client.Publish(ctx, &eventsapi.PublishRequest{Topic: "/content/create", Event: event}); err != nil {
			n.Fatalf("publishing event %d: %v", i, err)
		}
	}
}
