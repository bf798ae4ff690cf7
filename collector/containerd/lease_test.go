package containerd

import (
	"maps"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/opencontainers/go-digest"
)

func TestFindRoot(t *testing.T) {
	index, manifest, config, layer := digest.FromString("index"), digest.FromString("manifest"), digest.FromString("config"), digest.FromString("layer")
	own := digest.FromString("own")
	refers := func(to ...digest.Digest) content.Info {
		info := content.Info{Labels: map[string]string{}}
		for i, d := range to {
			info.Labels["containerd.io/gc.ref.content.l."+string(rune('0'+i))] = d.String()
		}
		return info
	}
	blob := func(d digest.Digest) leases.Resource { return leases.Resource{Type: "content", ID: d.String()} }
	ingest := func(ref string) leases.Resource { return leases.Resource{Type: "ingests", ID: ref} }

	for name, test := range map[string]struct {
		resources []leases.Resource
		infos     map[digest.Digest]content.Info
		gone      bool
		want      digest.Digest
	}{
		"nothing yet":     {},
		"an index ingest": {resources: []leases.Resource{ingest("index-" + index.String())}, want: index},
		"a blob without labels may be the root": {
			resources: []leases.Resource{blob(index), ingest("manifest-" + manifest.String())},
		},
		"an index and its manifest": {
			resources: []leases.Resource{blob(index), ingest("manifest-" + manifest.String())},
			infos:     map[digest.Digest]content.Info{index: refers(manifest)},
			want:      index,
		},
		"a manifest without index": {
			resources: []leases.Resource{blob(manifest), blob(config), blob(layer)},
			infos:     map[digest.Digest]content.Info{manifest: refers(config, layer)},
			want:      manifest,
		},
		"an import of what had been pulled": {
			resources: []leases.Resource{blob(index), blob(manifest), blob(own)},
			infos:     map[digest.Digest]content.Info{index: refers(manifest), manifest: refers(config), own: refers(index)},
			want:      own,
		},
		"an image made of what had been pulled": {
			resources: []leases.Resource{blob(index), blob(own)},
			infos:     map[digest.Digest]content.Info{index: refers(manifest), own: refers(config)},
		},
		"a lone blob": {resources: []leases.Resource{blob(layer)}, gone: true},
		"an import's": {resources: []leases.Resource{ingest("tar-layer.tar"), ingest("layer-" + layer.String())}},
		"when it is over, what has no labels is none": {
			resources: []leases.Resource{blob(manifest), blob(layer)},
			infos:     map[digest.Digest]content.Info{manifest: refers(config)},
			gone:      true,
			want:      manifest,
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLease(leases.Lease{ID: "a", CreatedAt: time.Now()})
			l.hold(test.resources)
			maps.Copy(l.infos, test.infos)
			l.gone = test.gone
			if l.findRoot(); l.root != test.want {
				t.Errorf("root %q, want %q", l.root, test.want)
			}
		})
	}
}

// Whatever a lease lists but its root shows that the pull has gone through that.
func TestBelowRoot(t *testing.T) {
	root, manifest := digest.FromString("root"), digest.FromString("manifest")
	list := []leases.Resource{{Type: "content", ID: root.String()}}
	for name, test := range map[string]struct {
		more leases.Resource
		want bool
	}{
		"the root":             {more: list[0]},
		"the root's ingest":    {more: leases.Resource{Type: "ingests", ID: "index-" + root.String()}},
		"another blob":         {leases.Resource{Type: "content", ID: manifest.String()}, true},
		"another blob's begin": {leases.Resource{Type: "ingests", ID: "manifest-" + manifest.String()}, true},
		"a snapshot":           {leases.Resource{Type: "snapshots/overlayfs", ID: "extract-1-a " + root.String()}, true},
	} {
		l := newLease(leases.Lease{ID: "a"})
		l.root = root
		l.hold(append(list, test.more))
		if got := l.belowRoot(); got != test.want {
			t.Errorf("%s: %t, want %t", name, got, test.want)
		}
	}
}

// A pull begins with the ingest of its root, and knows the digest of all that it
// writes.
func TestIsPull(t *testing.T) {
	root, part := digest.FromString("root"), digest.FromString("part")
	for name, test := range map[string]struct {
		listed []leases.Resource
		want   bool
	}{
		"the root's ingest alone":        {listed: []leases.Resource{{Type: "ingests", ID: "manifest-" + root.String()}}, want: true},
		"the root's ingest after a part": {listed: []leases.Resource{{Type: "ingests", ID: "manifest-" + root.String()}, {Type: "content", ID: part.String()}}},
		"an ingest without a digest":     {listed: []leases.Resource{{Type: "ingests", ID: "manifest-" + root.String()}, {Type: "ingests", ID: "tar-layer.tar"}}},
	} {
		l := newLease(leases.Lease{ID: "a", CreatedAt: time.Now()})
		l.hold(test.listed)
		l.gone = true
		l.findRoot()
		if got := l.isPull(time.Now()); got != test.want {
			t.Errorf("%s: is a pull: %v, want %v", name, got, test.want)
		}
	}
}
