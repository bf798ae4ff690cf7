package judge

import (
	"fmt"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/limits"
)

// The layers of a manifest beyond the limit are in sums: how many, their size, and how much of
// them the lease lists.
func TestManyLayersAreInSums(t *testing.T) {
	const more = 7
	w := newWorld(t)
	i := w.pulled("app", 1, limits.Layers+more)
	first, rest := i.layers[:limits.Layers], i.layers[limits.Layers:]
	l := w.lease("a", 0, append([]digest.Digest{i.index, i.manifest, i.config, rest[0]}, first...)...)
	var size int64
	for _, d := range rest {
		size += w.infos[d].Size
	}
	w.open(l, "layer", rest[1], 2, 5, w.infos[rest[1]].Size)
	r := w.look(3)
	if len(r) != 1 {
		t.Fatalf("%d readings, want 1", len(r))
	}
	m := r[0].Manifest
	if len(m.Layers) != limits.Layers || m.Rest.Layers != more || m.Rest.Size != size {
		t.Errorf("%d layers, and %d of %d bytes; want %d, and %d of %d", len(m.Layers), m.Rest.Layers, m.Rest.Size, limits.Layers, more, size)
	}
	if want := w.infos[rest[0]].Size + 5; r[0].Rest != want {
		t.Errorf("%d bytes of the rest are listed, want %d", r[0].Rest, want)
	}
	if len(r[0].Blobs) != limits.Layers+1 {
		t.Errorf("%d blobs, want the config and %d layers", len(r[0].Blobs), limits.Layers)
	}
}

// Of a pull whose manifest cannot be read, no more blobs are reported than the limit, always
// the same ones, and it says how many are left out.
func TestManyBlobsWithoutAManifest(t *testing.T) {
	w := newWorld(t)
	i := w.pulled("app", 1, limits.Blobs+50)
	w.bytes[i.manifest] = []byte("{}")
	w.lease("a", 0, i.all()...)
	first := w.look(3)
	again := w.look(4)
	if len(first) != 1 || len(again) != 1 {
		t.Fatalf("%d and %d readings, want 1 each", len(first), len(again))
	}
	if got := len(first[0].Blobs); got != limits.Blobs || first[0].Omitted != 52 {
		t.Errorf("%d blobs, and %d left out; want %d and 52", got, first[0].Omitted, limits.Blobs)
	}
	for d := range again[0].Blobs {
		if _, before := first[0].Blobs[d]; !before {
			t.Errorf("%s is reported by the second look, and was not by the first", d)
		}
	}
}

// An index of more manifests than the limit is read as far as that.
func TestManyManifests(t *testing.T) {
	b := `{"manifests":[`
	for n := range limits.Manifests + 10 {
		if n > 0 {
			b += ","
		}
		b += fmt.Sprintf(`{"digest":%q,"size":1}`, digest.FromString(fmt.Sprint(n)))
	}
	doc, err := parseDocument([]byte(b + "]}"))
	if err != nil || len(doc.Manifests) != limits.Manifests {
		t.Errorf("%d manifests, %v; want %d", len(doc.Manifests), err, limits.Manifests)
	}
}
