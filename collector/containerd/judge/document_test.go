package judge

import (
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"
)

// A manifest that lies below an index is no layer, also before it has its labels and if
// nobody saw its ingest.
func TestManifestWithoutLabelsIsNoLayer(t *testing.T) {
	w := newWorld(t)
	i := w.pulled("app", 1, 2)
	info := w.infos[i.manifest]
	info.Labels = nil
	w.infos[i.manifest] = info
	delete(w.bytes, i.manifest) // it cannot be read yet
	w.lease("a", 0, i.index, i.manifest)
	r := w.look(2)
	if len(r) != 1 || len(r[0].Blobs) != 1 || !r[0].Blobs[i.manifest].Document {
		t.Errorf("readings %+v", r)
	}
}

// Of a manifest that cannot be read, what the lease brings is what the pull fetches.
func TestManifestThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	i := w.pulled("app", 1, 2)
	w.bytes[i.manifest] = []byte("{}")
	l := w.lease("a", 0, i.index, i.manifest, i.config, i.layers[0])
	delete(w.infos, i.layers[1])
	w.open(l, "layer", i.layers[1], 2, 1<<20, 9<<20)
	r := w.look(3)
	if len(r) != 1 || r[0].Manifest != nil {
		t.Fatalf("readings %+v", r)
	}
	b := r[0].Blobs
	if !b[i.manifest].Document || b[i.config].Document || b[i.layers[0]].Document || b[i.layers[1]].Size != 9<<20 || b[i.layers[1]].Ingest.Offset != 1<<20 {
		t.Errorf("blobs %+v", b)
	}
}

// Thousands of layers of a manifest that cannot be read are open at once: none is asked for,
// and of those of which nothing has come none is reported.
func TestOpenLayersCostNoCalls(t *testing.T) {
	w := newWorld(t)
	i := w.pulled("app", 1, 2)
	w.bytes[i.manifest] = []byte("{}")
	l := w.lease("a", 0, i.index, i.manifest)
	for n := range 2000 {
		w.open(l, "layer", digest.FromString(string(rune('a'+n))), 2, int64(n%1000/999), 1<<20) // two of them move
	}
	if r := w.look(3); len(r) != 1 || len(r[0].Blobs) != 3 || r[0].Omitted != 0 {
		t.Fatalf("%d readings, of %d blobs, and %d left out; want 1 of the manifest and the two that move", len(r), len(r[0].Blobs), r[0].Omitted)
	}
	if w.asked > 20 {
		t.Errorf("%d calls in a look", w.asked)
	}
}

// containerd makes a manifest of one whose config says no media type, and records that.
func TestManifestThatContainerdMakes(t *testing.T) {
	w := newWorld(t)
	i := w.pulled("app", 1, 2)
	parts := append([]digest.Digest{i.config}, i.layers...)
	made := w.put([]byte("made"), 3, "", parts...)
	w.lease("a", 0, append(parts, i.manifest, made)...)
	r := w.look(4)
	if len(r) != 1 || r[0].Image.Root != i.manifest || !slices.Equal(r[0].AlsoRoots, []digest.Digest{made}) {
		t.Errorf("readings %+v", r)
	}
}

// The manifest that containerd makes may come too late to be seen in the lease.
func TestManifestThatContainerdMakesAtTheEnd(t *testing.T) {
	w := newWorld(t)
	w.configType = "application/octet-stream"
	i := w.pulled("app", 1, 2)
	w.lease("a", 0, i.all()[1:]...)
	w.look(2)
	made := w.put([]byte("made"), 3, "", append([]digest.Digest{i.config}, i.layers...)...)
	w.record("registry.example/app:v1", made, 3.1)
	w.end("a")
	if r := w.look(3.2); len(r) != 1 || !r[0].Gone || !slices.Equal(r[0].AlsoRoots, []digest.Digest{made}) {
		t.Errorf("readings %+v", r)
	}
}

// The event of its record may come after the lease was missed: the pull goes on for a moment.
func TestRecordOfAMadeManifestThatComesLate(t *testing.T) {
	for name, test := range map[string]struct{ comes bool }{"it comes": {true}, "it never comes": {false}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.configType = "application/octet-stream"
			i := w.pulled("app", 1, 2)
			w.lease("a", 0, i.all()[1:]...)
			w.look(2)
			w.end("a")
			if r := w.look(3.2); len(r) != 1 || r[0].Gone {
				t.Fatalf("at first the readings are %+v, want one that goes on", r)
			}
			var want []digest.Digest
			if test.comes {
				want = []digest.Digest{w.put([]byte("made"), 3, "", append([]digest.Digest{i.config}, i.layers...)...)}
				w.record("registry.example/app:v1", want[0], 3.1)
			}
			if r := w.look(4.3); len(r) != 1 || !r[0].Gone || !slices.Equal(r[0].AlsoRoots, want) {
				t.Errorf("readings %+v, want one that is gone, also of %v", r, want)
			}
			if r := w.look(5.5); len(r) != 0 {
				t.Errorf("it is reported again: %+v", r)
			}
		})
	}
}

// A large manifest has no labels yet when the first layers are opened: that it is none of them
// its index says.
func TestManifestWithoutLabelsBesideLayers(t *testing.T) {
	w := newWorld(t)
	i := w.pulled("app", 1, 2)
	info := w.infos[i.manifest]
	info.Labels = nil
	w.infos[i.manifest] = info
	w.bytes[i.manifest] = []byte("{}") // it cannot be read
	l := w.lease("a", 0, i.index, i.manifest)
	w.open(l, "layer", i.layers[0], 2, 0, 9<<20)
	if r := w.look(3); len(r) != 1 || !r[0].Blobs[i.manifest].Document {
		t.Errorf("readings %+v, want the manifest as a document", r)
	}
}
