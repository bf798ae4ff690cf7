package telemetry

import (
	"fmt"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"google.golang.org/protobuf/proto"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// ofLayers is a running pull of an image with so many layers, all of which are fetched. Its
// names are about as long as those of real images.
func ofLayers(image string, layers int) pull.Pull {
	p := running(image, 0)
	p.Image = pull.Image{Name: "registry.example.com/team/" + image, Registry: "registry.example.com", Root: digest.FromString(image)}
	p.Layers = nil
	for i := range layers {
		p.Layers = append(p.Layers, pull.Layer{
			Descriptor: pull.Descriptor{Digest: digest.FromString(fmt.Sprint(image, i)), Size: 8 << 20}, Index: i,
			State: pull.LayerDownloading, Downloaded: 1 << 20, Download: pull.Span{Start: p.Start},
		})
	}
	return p
}

func updateOf(pulls ...pull.Pull) pull.Update {
	return pull.Update{Time: time.Now(), SourceUp: true, Active: pulls}
}

func BenchmarkExport(b *testing.B) {
	for _, layers := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("layers=%d", layers), func(b *testing.B) {
			r := newRecorded(b)
			update := updateOf(ofLayers("app", layers))
			b.ReportAllocs()
			for b.Loop() {
				r.Report(update)
				r.export(b)
			}
		})
	}
}

// export is what an exporter asks of the SDK each time.
func (r *recorded) export(t testing.TB) {
	t.Helper()
	if err := r.reader.Collect(t.Context(), &r.collected); err != nil {
		t.Fatal(err)
	}
}

// A poll that is reported allocates nothing for its layers: attributes are made once. An export
// does, in the SDK. Bounds are a quarter above what it came to.
func TestAllocationsOfAnExport(t *testing.T) {
	allocations := func(layers int) (report, export float64) {
		r := newRecorded(t)
		update := updateOf(ofLayers("app", layers))
		r.Report(update)
		r.export(t)
		return testing.AllocsPerRun(50, func() { r.Report(update) }), testing.AllocsPerRun(50, func() { r.export(t) })
	}
	report1, export1 := allocations(1)
	report101, export101 := allocations(101)
	t.Logf("a report allocates %g times, an export %g times; with 100 more layers %g and %g times", report1, export1, report101, export101)
	for what, got := range map[string]struct{ allocations, most float64 }{
		"a report":                            {report1, 4},
		"an export":                           {export1, 240},
		"a layer, when a poll is reported,":   {(report101 - report1) / 100, 0.05},
		"a layer, when metrics are exported,": {(export101 - export1) / 100, 8.5},
	} {
		if got.allocations > got.most {
			t.Errorf("%s allocates %g times, want %g at the most", what, got.allocations, got.most)
		}
	}
}

// What an export has on the wire for each pull and each layer that is fetched, in bytes and not
// compressed. Bounds are a quarter above what it came to.
func TestSizeOfAnExport(t *testing.T) {
	size := func(pulls ...pull.Pull) int {
		s := newSent(t, way{protocol: "grpc"})
		s.Report(updateOf(pulls...))
		if err := s.sdk.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		return proto.Size(s.requests[len(s.requests)-1])
	}
	none, one, more := size(), size(ofLayers("app-1", 1)), size(ofLayers("app-1", 101))
	two := size(ofLayers("app-1", 1), ofLayers("app-2", 1))
	t.Logf("%d bytes without a pull, %d with one of a layer, %d with 100 more layers, %d with two pulls", none, one, more, two)
	for what, got := range map[string]struct{ bytes, most int }{
		"an export without a pull": {none, 3000},
		"a pull of one layer":      {two - one, 6200},
		"a layer":                  {(more - one) / 100, 1070},
	} {
		if got.bytes > got.most {
			t.Errorf("%s takes %d bytes, want %d at the most", what, got.bytes, got.most)
		}
		if got.bytes <= 0 {
			t.Errorf("%s takes nothing", what)
		}
	}
}
