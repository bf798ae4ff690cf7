package judge

import (
	"maps"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/limits"
	"github.com/pulltrace/pulltrace/collector/pull"
)

// blob is the state of one blob of a pull:
//
//	absent ──▶ open ──▶ (between) ──▶ committed ──▶ collected
//	   └──────────────────────────────────▲
//
// An open one has an ingest that ListStatuses shows. Between its ingest and its commit
// neither that nor Info shows it (content.go:604 @v2.4.2). One that was never seen open came
// too fast to be seen, or was taken over from another namespace. A committed one may be
// collected as garbage once it is unpacked; what is known of it stays. What comes after the
// lease is gone another pull did.
//
// One that is neither open nor known to be there is only asked for when something tells
// that it may be there.
func (k *Look) blob(l *lease, d digest.Digest) pull.Blob {
	_, opening := l.ingests[d]
	b := pull.Blob{Held: l.lists(d), Opening: opening}
	if st, open := k.ingests[d]; open && !l.goneBefore(st.UpdatedAt) {
		l.opened[d] = true
		b.Ingest = &pull.Ingest{Offset: st.Offset, Started: st.StartedAt, Updated: st.UpdatedAt}
		if was, open := k.namespace.ingests[d]; open && was.StartedAt.Equal(st.StartedAt) {
			b.Ingest.Seen, b.Ingest.Before = true, was.Offset
		}
		return b
	}
	if l.infos[d] == nil && !k.held[d] && !l.wasOpen(d) && !l.gone() {
		return b
	}
	info := k.info(l, d)
	if info.Digest == "" || l.goneBefore(info.CreatedAt) {
		return b
	}
	b.Committed = info.CreatedAt
	b.Shared = k.isShared(l, d, info.CreatedAt)
	return b
}

// isShared tells whether a blob that came with a pull was in another namespace
// before. containerd then takes it over from there: it fetches nothing and lists
// no ingest, unless namespaces are set to be isolated (metadata/content.go:414
// @v2.4.2). An ingest that was open is proof that the blob was fetched; that the lease lists
// one is not.
func (k *Look) isShared(l *lease, d digest.Digest, came time.Time) bool {
	if l.opened[d] || came.Before(l.created) {
		return false
	}
	shared, known := l.shared[d]
	if !known {
		k.want(l, Want{Kind: WantShared, Digest: d, Since: l.created})
	}
	return shared
}

// readBlobs adds the state of the blobs of a pull: those that its manifest names or, as
// long as there is none that can be read, those that its lease brings.
func (k *Look) readBlobs(l *lease, r *root, reading *pull.Reading) {
	reading.Blobs = make(map[digest.Digest]pull.Blob)
	if r.manifest == nil {
		k.readUnnamed(l, r, reading)
		return
	}
	for _, d := range slices.Concat([]pull.Descriptor{r.manifest.Config}, r.manifest.Configs, r.manifest.Layers) {
		if _, again := reading.Blobs[d.Digest]; !again {
			reading.Blobs[d.Digest] = k.blob(l, d.Digest)
		}
	}
	reading.Rest = k.restBytes(l, r)
}

// restBytes is how much of the layers that are reported in sums the lease lists.
func (k *Look) restBytes(l *lease, r *root) (sum int64) {
	for d, size := range r.rest {
		if l.content[d] {
			sum += size
		} else if _, opening := l.ingests[d]; opening {
			sum += min(k.ingests[d].Offset, size)
		}
	}
	return sum
}

// readUnnamed adds the blobs that a lease brings and that no manifest names yet. Those of
// a lease with several roots may be of any of them, and are left out.
func (k *Look) readUnnamed(l *lease, r *root, reading *pull.Reading) {
	if len(l.roots) > 1 {
		return
	}
	brings := maps.Clone(l.content)
	for d := range l.kinds {
		brings[d] = true
	}
	delete(brings, r.digest)
	reading.Omitted = k.limit(l, brings)
	layers := slices.Contains(slices.Collect(maps.Values(l.kinds)), "layer")
	manifests := l.manifests()
	for d := range brings {
		b := k.blob(l, d) // of one that is open nothing else is asked: there may be thousands
		if !b.Committed.IsZero() && b.Committed.Before(l.created) {
			continue
		}
		info := l.info(d)
		if b.Size = k.ingests[d].Total; info.Digest != "" {
			b.Size = info.Size
		}
		switch kind := l.kinds[d]; {
		case manifests[d]:
			b.Document = true
		case kind == "layer", kind == "config", kind == "unknown":
		case kind == "": // its ingest was not seen; before the first layer, it may be a manifest without labels yet
			b.Document = !layers || len(children(info.Labels)) > 0
		default:
			b.Document = true
		}
		reading.Blobs[d] = b
	}
}

// manifests are those that an index of the lease names. The labels of a large one, which would
// tell as well, may come many seconds after it.
func (l *lease) manifests() map[digest.Digest]bool {
	named := make(map[digest.Digest]bool)
	for _, doc := range l.documents {
		for _, m := range doc.Manifests {
			named[m.Digest] = true
		}
	}
	return named
}

// limit drops those of the blobs that a lease brings for which there is no room, and returns
// of how many the bytes are missing by that. Those of which nothing has come go first, and one
// that was reported before stays.
func (k *Look) limit(l *lease, brings map[digest.Digest]bool) (omitted int) {
	if len(brings) <= limits.Blobs {
		return 0
	}
	if l.counted == nil {
		l.counted = make(map[digest.Digest]bool)
	}
	maps.DeleteFunc(brings, func(d digest.Digest, _ bool) bool {
		switch {
		case l.counted[d]:
			return false
		case !l.content[d] && k.ingests[d].Offset == 0:
			return true
		case len(l.counted) == limits.Blobs:
			omitted++
			return true
		}
		l.counted[d] = true
		return false
	})
	return omitted
}

// readChains adds the state of the snapshots of a pull.
func (k *Look) readChains(l *lease, r *root, reading *pull.Reading) {
	if r.manifest == nil {
		return
	}
	reading.Chains = make(map[digest.Digest]pull.Snapshot, len(r.manifest.ChainIDs))
	snapshotter := l.snapshotter
	if snapshotter == "" && l.gone() {
		snapshotter = snapshotterOf(k.freshInfo(l, r.manifest.Config.Digest).Labels)
	}
	if snapshotter == "" {
		return
	}
	for _, id := range r.manifest.ChainIDs {
		held := l.chains[id]
		created := k.committed(l, id, snapshotter, held || l.gone())
		if l.goneBefore(created) {
			created = time.Time{}
		}
		reading.Chains[id] = pull.Snapshot{Held: held, Created: created}
	}
}
