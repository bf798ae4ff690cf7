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
