package judge

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// A world is a containerd that a test plays by hand, with a clock in seconds.
type world struct {
	t         testing.TB
	namespace *Namespace
	leases    []Listed
	ingests   []content.Status
	infos     map[digest.Digest]content.Info
	bytes     map[digest.Digest][]byte
	records   []Record
	asked     int

	configType string // media type of configs
}

var epoch = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time {
	return epoch.Add(time.Duration(seconds * float64(time.Second)))
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return &world{
		t: t, namespace: NewNamespace("moby", platforms.Only(ocispec.Platform{OS: "linux", Architecture: "amd64"}), at(-1000)),
		infos: make(map[digest.Digest]content.Info), bytes: make(map[digest.Digest][]byte),
	}
}

// image is an index of one manifest, which has a config and layers.
type image struct {
	name                    string
	index, manifest, config digest.Digest
	layers                  []digest.Digest
}

const sourceLabel = "containerd.io/distribution.source.registry.example"

// put adds a blob, with the blobs that its labels refer to.
func (w *world) put(b []byte, created float64, source string, refs ...digest.Digest) digest.Digest {
	d := digest.FromBytes(b)
	labels := map[string]string{}
	if source != "" {
		labels[sourceLabel] = source
	}
	for i, ref := range refs {
		labels[fmt.Sprintf("containerd.io/gc.ref.content.%d", i)] = ref.String()
	}
	w.bytes[d] = b
	w.infos[d] = content.Info{Digest: d, Size: int64(len(b)), CreatedAt: at(created), UpdatedAt: at(created + 0.01), Labels: labels}
	return d
}

func (w *world) json(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// pulled adds the blobs of an image of so many layers that came at a time.
func (w *world) pulled(name string, created float64, layers int) image {
	i := image{name: name}
	i.config = w.put(w.json(map[string]string{"of": name}), created, name)
	config := w.descriptor(i.config)
	config.MediaType = w.configType
	m := map[string]any{"config": config}
	var list []ocispec.Descriptor
	for n := range layers {
		d := w.put(fmt.Append(nil, name, " layer ", n), created, name)
		i.layers = append(i.layers, d)
		list = append(list, w.descriptor(d))
	}
	m["layers"] = list
	i.manifest = w.put(w.json(m), created, name, append(i.layers, i.config)...)
	platform := w.descriptor(i.manifest)
	platform.Platform = &ocispec.Platform{OS: "linux", Architecture: "amd64"}
	i.index = w.put(w.json(map[string]any{"manifests": []ocispec.Descriptor{platform}}), created, name, i.manifest)
	return i
}

func (w *world) descriptor(d digest.Digest) ocispec.Descriptor {
	return ocispec.Descriptor{Digest: d, Size: w.infos[d].Size}
}

// all are the blobs of the image.
func (i image) all() []digest.Digest {
	return append([]digest.Digest{i.index, i.manifest, i.config}, i.layers...)
}

// visit writes the labels of a root anew.
func (w *world) visit(d digest.Digest, seconds float64) {
	info := w.infos[d]
	info.UpdatedAt = at(seconds)
	w.infos[d] = info
}

// lease adds a lease that lists blobs.
func (w *world) lease(id string, created float64, blobs ...digest.Digest) *Listed {
	w.leases = append(w.leases, Listed{Lease: leases.Lease{ID: id, CreatedAt: at(created), Labels: map[string]string{}}})
	l := &w.leases[len(w.leases)-1]
	l.list(blobs...)
	return l
}

func (l *Listed) list(blobs ...digest.Digest) {
	for _, d := range blobs {
		l.Resources = append(l.Resources, leases.Resource{Type: "content", ID: d.String()})
	}
}

// open adds an ingest that the lease lists.
func (w *world) open(l *Listed, kind string, d digest.Digest, started float64, offset, total int64) {
	ref := kind + "-" + d.String()
	l.Resources = append(l.Resources, leases.Resource{Type: "ingests", ID: ref})
	w.ingests = append(w.ingests, content.Status{Ref: ref, Offset: offset, Total: total, StartedAt: at(started), UpdatedAt: at(started)})
}

// record tells of an image record.
func (w *world) record(name string, root digest.Digest, seconds float64) {
	r, ok := ParseRecord(name, root.String(), at(seconds))
	if !ok {
		w.t.Fatalf("no record of %s", name)
	}
	w.records = append(w.records, r)
	w.namespace.Record(r)
}

// answer is what the world says to a want.
func (w *world) answer(want Want) (a Answer) {
	w.asked++
	switch want.Kind {
	case WantInfo:
		a.Info = w.infos[want.Digest]
	case WantDocument, WantConfig:
		a.Bytes = w.bytes[want.Digest]
	case WantRecords:
		for _, r := range w.records {
			if r.Image.Root == want.Digest {
				a.Records = append(a.Records, r)
			}
		}
	case WantSnapshot, WantShared:
	}
	return a
}

// look takes a whole look.
func (w *world) look(seconds float64) []pull.Reading {
	k := w.begin(seconds)
	readings, _ := k.Readings()
	k.Done()
	return readings
}

// begin takes a look and does not end it.
func (w *world) begin(seconds float64) *Look {
	for i := range w.leases {
		w.leases[i].Asked = at(seconds)
	}
	k := w.namespace.Look(Listing{Daemon: Daemon{UUID: "daemon"}, Now: at(seconds), Leases: w.leases, Ingests: w.ingests})
	for round := 0; ; round++ {
		wants := k.Wants()
		if len(wants) == 0 {
			return k
		}
		if round > 50 {
			w.t.Fatalf("the look never ends; it wants %+v", wants)
		}
		for _, want := range wants {
			k.Take(want, w.answer(want))
		}
	}
}

// end removes a lease.
func (w *world) end(id string) {
	for i, l := range w.leases {
		if l.Lease.ID == id {
			w.leases = append(w.leases[:i:i], w.leases[i+1:]...)
			return
		}
	}
	w.t.Fatalf("no lease %s", id)
}
