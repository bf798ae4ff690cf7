package containerd

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// look is one look at the leases of a namespace.
type look struct {
	ctx       context.Context //nolint:containedctx // lives for one poll, carries the namespace
	source    *Source
	namespace string
	now       time.Time
	ingests   ingests
	before    ingests                // at the last look
	held      map[digest.Digest]bool // blobs that some lease lists
}

// criNamespace is where the CRI pulls images (constants.K8sContainerdNamespace,
// internal/cri/constants/constants.go:26 @v2.4.2).
const criNamespace = "k8s.io"

// read makes a reading of a lease, if it is a pull.
func (k *look) read(l *lease) (r pull.Reading, isPull bool, err error) {
	if err := k.readRoot(l); err != nil || !l.isPull(k.now) {
		return r, false, err
	}
	if err := k.readManifest(l); err != nil {
		return r, false, err
	}
	r = pull.Reading{
		ID:       pull.ID{Daemon: k.source.daemon.uuid, Namespace: k.namespace, Lease: l.id},
		Created:  l.created,
		Gone:     l.gone,
		Lost:     l.lostAt(),
		Image:    l.image,
		Manifest: l.manifest,

		Orchestrated: k.namespace == criNamespace,
	}
	if r.Root, err = k.blob(l, l.root); err != nil {
		return r, false, err
	}
	if l.manifest != nil {
		if err := k.readLayers(l, &r); err != nil {
			return r, false, err
		}
	}
	if l.gone {
		if r.Records, err = k.source.stored(k.ctx, k.namespace, l.root, l.created); err != nil {
			return r, false, err
		}
	}
	l.told = true
	return r, true, nil
}

// readRoot learns the root of a lease and the name of the image.
func (k *look) readRoot(l *lease) error {
	if !l.told {
		for d := range l.content {
			if _, err := k.info(l, d, len(children(l.infos[d].Labels)) == 0); err != nil {
				return err
			}
		}
		l.findRoot()
	}
	if l.root == "" && l.gone && len(l.content) == 0 {
		if err := k.readUnclaimed(l); err != nil {
			return err
		}
	}
	if l.root == "" {
		return nil
	}
	if l.rootedAt.IsZero() {
		l.rootedAt = k.now
	}
	l.image.Root = l.root
	if l.image.Name == "" {
		return k.readName(l)
	}
	return nil
}

// readUnclaimed learns the root of a lease that was never seen to list it.
func (k *look) readUnclaimed(l *lease) error {
	root := k.source.unclaimedRoot(k.namespace, l)
	if root == "" {
		return nil
	}
	visited, err := k.visited(root, l)
	if visited {
		l.root = root
	}
	return err
}

// readName takes the name of the image from the labels of its root. A root that
// was there before may still have the labels of earlier pulls only; this pull's
// is among them when a later step of it is seen, for the label is written before
// anything below the root is asked for (client/pull.go:264 @v2.4.2).
func (k *look) readName(l *lease) error {
	info, err := k.info(l, l.root, true)
	if err != nil || info.Digest == "" {
		return err
	}
	switch {
	case fromRegistry(info.Labels):
		l.fetched = true
	case l.gone, k.now.Sub(info.CreatedAt) > nameTime:
		l.fetched = false // written by hand, under a name that pulls use
	}
	if info.CreatedAt.Before(l.created) && !l.belowRoot() {
		return nil
	}
	l.image = sourceName(info.Labels)
	l.image.Root = l.root
	return nil
}

// readManifest reads the index, the manifest and the config, each as soon as it
// is in the content store, once.
func (k *look) readManifest(l *lease) error {
	if l.manifest == nil {
		d := l.root
		if l.index != nil {
			var err error
			if d, err = k.chosen(l); err != nil || d == "" {
				return err
			}
		}
		doc, ok, err := k.document(l, d)
		if err != nil || !ok {
			return err
		}
		if l.manifest = doc.manifest(); l.manifest == nil {
			if l.index != nil {
				l.unusable[d] = true // an index in an index
				return nil
			}
			l.index = &doc
			return k.readManifest(l)
		}
		l.brought[d] = true
	}
	if err := k.readFurther(l); err != nil {
		return err
	}
	if l.manifest.ChainIDs != nil || l.unusable[l.manifest.Config.Digest] {
		return nil
	}
	b, ok, err := k.small(l, l.manifest.Config.Digest)
	if err != nil || !ok {
		return err
	}
	ids, err := parseChainIDs(b, len(l.manifest.Layers)-l.further)
	if err != nil || ids == nil {
		l.unusable[l.manifest.Config.Digest] = true
		return nil //nolint:nilerr // a config that is none: the pull has no unpack to tell
	}
	withChains := *l.manifest
	withChains.ChainIDs = ids
	l.manifest = &withChains
	return nil
}

// document reads an index or manifest. It is not ok until it is there, nor if
// it is none.
func (k *look) document(l *lease, d digest.Digest) (doc document, ok bool, err error) {
	if doc, ok = l.read[d]; ok {
		return doc, true, nil
	}
	b, ok, err := k.small(l, d)
	if err != nil || !ok {
		return document{}, false, err
	}
	doc, err = parseDocument(b)
	if err != nil || (doc.Config == nil && doc.Manifests == nil) {
		l.unusable[d] = true
		return document{}, false, nil //nolint:nilerr // bad input is no error of the source
	}
	l.read[d] = doc
	return doc, true, nil
}

// small reads a manifest or config, if it is there and not too large.
func (k *look) small(l *lease, d digest.Digest) (b []byte, ok bool, err error) {
	if l.unusable[d] {
		return nil, false, nil
	}
	info, err := k.info(l, d, false)
	if err != nil || info.Digest == "" {
		return nil, false, err
	}
	if info.Size > maxDocument {
		l.unusable[d] = true
		return nil, false, nil
	}
	b, err = read(k.ctx, k.source.client.content, info)
	if err != nil && !broken(err) {
		return nil, false, nil
	}
	return b, err == nil, err
}

// info asks for a committed blob, once unless it is to be fresh. The zero Info
// means that it is not in the store.
func (k *look) info(l *lease, d digest.Digest, fresh bool) (content.Info, error) {
	if info, known := l.infos[d]; known && !fresh {
		return info, nil
	}
	info, err := k.source.client.content.Info(k.ctx, d)
	if err == nil {
		l.infos[d] = info
	} else if broken(err) {
		return content.Info{}, fmt.Errorf("asking for blob %s: %w", d, err)
	}
	return l.infos[d], nil
}

// broken tells an error of the connection, after which no look can go on, from
// one that only means that containerd does not tell this.
func broken(err error) bool {
	return errdefs.IsUnavailable(err) || errdefs.IsDeadlineExceeded(err) || errdefs.IsCanceled(err)
}

// blob is the state of one blob of a pull. One that is neither open nor known to
// be there is only asked for when something tells that it may be there.
func (k *look) blob(l *lease, d digest.Digest) (pull.Blob, error) {
	_, opening := l.ingests[d]
	b := pull.Blob{Held: opening || l.content[d]}
	if st, open := k.ingests[d]; open && !l.goneBefore(st.UpdatedAt) {
		l.wasOpen[d] = true
		l.shared[d] = false
		b.Ingest = &pull.Ingest{Offset: st.Offset, Started: st.StartedAt, Updated: st.UpdatedAt}
		if was, open := k.before[d]; open && was.StartedAt.Equal(st.StartedAt) {
			b.Ingest.Seen, b.Ingest.Before = true, was.Offset
		}
		return b, nil
	}
	if _, known := l.infos[d]; known || k.held[d] || l.wasOpen[d] || l.gone {
		info, err := k.info(l, d, false)
		if err != nil {
			return b, err
		}
		if l.goneBefore(info.CreatedAt) {
			return b, nil
		}
		b.Committed = info.CreatedAt
		b.Shared, err = k.isShared(l, info)
		return b, err
	}
	return b, nil
}

// readLayers reads the state of the blobs and snapshots of a pull.
func (k *look) readLayers(l *lease, r *pull.Reading) error {
	r.Blobs = make(map[digest.Digest]pull.Blob, len(l.manifest.Layers)+1)
	for _, d := range slices.Concat([]pull.Descriptor{l.manifest.Config}, l.manifest.Configs, l.manifest.Layers) {
		b, err := k.blob(l, d.Digest)
		if err != nil {
			return err
		}
		r.Blobs[d.Digest] = b
	}
	r.Chains = make(map[digest.Digest]pull.Snapshot, len(l.manifest.ChainIDs))
	if l.snapshotter == "" && l.gone {
		config, err := k.info(l, l.manifest.Config.Digest, true)
		if err != nil {
			return err
		}
		l.snapshotter = snapshotterOf(config.Labels)
	}
	if l.snapshotter == "" {
		return nil
	}
	for _, id := range l.manifest.ChainIDs {
		created, known := l.unpacked[id]
		if !known && (!l.probed || l.chains[id] || l.gone) {
			var err error
			if created, err = k.committed(l.snapshotter, id); err != nil {
				return err
			}
			if l.goneBefore(created) {
				created = time.Time{}
			}
			if !created.IsZero() {
				l.unpacked[id] = created
			}
		}
		r.Chains[id] = pull.Snapshot{Held: l.chains[id], Created: created}
	}
	l.probed = len(l.manifest.ChainIDs) > 0
	return nil
}

// committed is when a snapshot was committed, zero if that is not known.
func (k *look) committed(snapshotter string, id digest.Digest) (time.Time, error) {
	info, err := k.source.client.snapshotter(snapshotter).Stat(k.ctx, id.String())
	switch {
	case err == nil && info.Kind == snapshots.KindCommitted:
		return info.Created, nil
	case err != nil && broken(err):
		return time.Time{}, fmt.Errorf("asking for snapshot %s: %w", id, err)
	}
	return time.Time{}, nil
}
