package pull

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
)

// A scene is a runtime that a test plays by hand, with a clock in seconds.
type scene struct {
	tracker *Tracker
	slots   int
	daemon  string
	running []*actor
	ended   []Pull
	started []Pull
}

var epoch = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time {
	return epoch.Add(time.Duration(seconds * float64(time.Second)))
}

func newScene(slots int) *scene {
	return &scene{tracker: NewTracker(time.Minute), slots: slots}
}

// An actor is one pull of a scene: what the runtime would show of it next.
type actor struct{ Reading }

// layerSize is the size of every layer of a scene.
const layerSize = 1000

func layerDigest(image string, i int) digest.Digest {
	return digest.FromString(fmt.Sprint(image, " layer ", i))
}

func chainID(image string, i int) digest.Digest {
	return digest.FromString(fmt.Sprint(image, " chain ", i))
}

// lease begins a pull of an image of so many layers, whose root is known.
func (s *scene) lease(id, image string, seconds float64, layers int) *actor {
	m := &Manifest{Config: Descriptor{Digest: digest.FromString(image + " config"), Size: 10}, ChainIDs: []digest.Digest{}}
	for i := range layers {
		m.Layers = append(m.Layers, Descriptor{Digest: layerDigest(image, i), Size: layerSize})
		m.ChainIDs = append(m.ChainIDs, chainID(image, i))
	}
	a := &actor{Reading{
		ID: ID{Daemon: "daemon", Namespace: "k8s.io", Lease: id}, Created: at(seconds),
		Orchestrated: true,
		Image:        Image{Name: "registry/" + image, Registry: "registry", Root: digest.FromString(image)},
		Root:         Blob{Held: true, Committed: at(seconds + 0.01)},
		Manifest:     m,
		Blobs:        map[digest.Digest]Blob{m.Config.Digest: {Held: true, Committed: at(seconds + 0.02)}},
		Chains:       map[digest.Digest]Snapshot{},
	}}
	s.running = append(s.running, a)
	return a
}

// open is an open ingest of a layer.
func (a *actor) open(i int, started float64, offset int64, updated float64) {
	a.Blobs[a.Manifest.Layers[i].Digest] = Blob{Held: true, Opening: true, Ingest: &Ingest{Offset: offset, Started: at(started), Updated: at(updated)}}
}

// watch is an ingest of the first layer that another lease lists.
func (a *actor) watch(started float64, offset int64, updated float64) {
	a.open(0, started, offset, updated)
	d := a.Manifest.Layers[0].Digest
	b := a.Blobs[d]
	b.Held, b.Opening = false, false
	a.Blobs[d] = b
}

// committed is a layer in the content store.
func (a *actor) committed(i int, seconds float64, held bool) {
	a.Blobs[a.Manifest.Layers[i].Digest] = Blob{Held: held, Committed: at(seconds)}
}

// unpacked is a layer's committed snapshot.
func (a *actor) unpacked(i int, seconds float64) {
	a.Chains[a.Manifest.ChainIDs[i]] = Snapshot{Held: true, Created: at(seconds)}
}

// event tells of something about an image.
func (s *scene) event(kind EventKind, seconds float64, d digest.Digest) {
	s.tracker.Event(Event{Time: at(seconds), Namespace: "k8s.io", Kind: kind, Digest: d})
}

// stored tells that an image was recorded under a tag.
func (s *scene) stored(image, tag string, seconds float64) { s.storedIn(image, image, tag, seconds) }

// storedIn is stored of an image that is in a repository of another name.
func (s *scene) storedIn(repository, image, tag string, seconds float64) {
	root := digest.FromString(image)
	s.tracker.Event(Event{
		Time: at(seconds), Namespace: "k8s.io", Kind: ImageStored, Digest: root,
		Image: Image{Name: "registry:5000/" + repository, Registry: "registry", Tag: tag, Root: root},
	})
}

// observation is what the runtime of the scene shows.
func (s *scene) observation(seconds float64) Observation {
	o := Observation{Asked: at(seconds), Time: at(seconds), Slots: s.slots, Daemon: s.daemon}
	for _, a := range s.running {
		r := a.Reading
		r.Blobs, r.Chains = maps.Clone(r.Blobs), maps.Clone(r.Chains)
		o.Pulls = append(o.Pulls, r)
	}
	return o
}

// poll observes the scene. A pull that is gone is read for the last time.
func (s *scene) poll(seconds float64) Update {
	o := s.observation(seconds)
	s.running = slices.DeleteFunc(s.running, func(a *actor) bool { return a.Gone })
	u := s.tracker.Observe(o)
	s.started = append(s.started, u.Started...)
	s.ended = append(s.ended, u.Ended...)
	return u
}
