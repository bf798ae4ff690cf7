package containerd

import (
	"context"
	"fmt"
	"slices"
	"time"

	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// recordEvent tells that an image record was written.
func recordEvent(ns string, at time.Time, image *imagesapi.Image) pull.Event {
	parsed := imageName(image.GetName())
	parsed.Root = digest.Digest(image.GetTarget().GetDigest())
	return pull.Event{Time: at, Namespace: ns, Kind: pull.ImageStored, Digest: parsed.Root, Image: parsed}
}

// record is an image record that was written.
type record struct {
	namespace string
	root      digest.Digest
	time      time.Time
}

// maxRecords is how many image records are remembered. They are asked for
// within a moment.
const maxRecords = 64

func (s *Source) remember(r record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = appendRecord(s.records, r)
	s.unread = appendRecord(s.unread, r)
}

// appendRecord forgets the oldest one where there are too many.
func appendRecord(records []record, r record) []record {
	if len(records) == maxRecords {
		records = slices.Delete(records, 0, 1)
	}
	return append(records, r)
}

// takeUnread returns the records of a namespace that came since it was last asked.
func (s *Source) takeUnread(ns string) (unread []record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unread = slices.DeleteFunc(s.unread, func(r record) bool {
		if r.namespace == ns {
			unread = append(unread, r)
		}
		return r.namespace == ns
	})
	return unread
}

// unclaimedRoot is the root of a lease that was seen, but went before it listed
// anything: that of the only image record that was written after the lease was last
// asked for its resources and is not of another lease. Such is a pull of an image
// that was there, or a tag, see [look.visited]. A record that is older is not the
// lease's, for it would have listed its root by then: a tag, beside a pull that the
// registry refused.
func (s *Source) unclaimedRoot(ns string, gone *lease) digest.Digest {
	claimed := make(map[digest.Digest]bool)
	rootless := 0
	for key, l := range s.leases {
		switch {
		case key.namespace != ns:
		case l.root != "":
			claimed[l.root] = true
		case l.gone:
			rootless++
		}
	}
	var root digest.Digest
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.records {
		if r.namespace != ns || claimed[r.root] || r.time.Before(gone.askedAt) || r.time.After(gone.goneAt) {
			continue
		}
		if root != "" && root != r.root {
			return ""
		}
		root = r.root
	}
	if rootless > 1 {
		return ""
	}
	return root
}

// visited tells whether a pull went through a root while a lease was there: it writes
// the labels of what it goes through anew, also where they are as they were
// (remotes/docker/handler.go:34, metadata/content.go:94 @v2.4.2, alike from 1.7 on). A
// tag has a lease, too, and writes none.
func (k *look) visited(root digest.Digest, l *lease) (bool, error) {
	info, err := k.info(l, root, true)
	return !info.UpdatedAt.Before(l.created), err
}

// stored are the image records of a root, if no event told of one since a time.
// Looking costs more the more images there are, so it is left for pulls that
// failed or whose events were lost.
func (s *Source) stored(ctx context.Context, ns string, root digest.Digest, since time.Time) ([]pull.Event, error) {
	if s.told(ns, root, since) {
		return nil, nil
	}
	found, err := s.client.images.List(ctx, &imagesapi.ListImagesRequest{Filters: []string{"target.digest==" + root.String()}})
	if err = errgrpc.ToNative(err); err != nil && broken(err) {
		return nil, fmt.Errorf("listing images of %s: %w", root, err)
	}
	var records []pull.Event
	for _, image := range found.GetImages() {
		if !isImageID(image.GetName()) {
			records = append(records, recordEvent(ns, image.GetUpdatedAt().AsTime(), image))
		}
	}
	return records, nil
}

func (s *Source) told(ns string, root digest.Digest, since time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.records, func(r record) bool {
		return r.namespace == ns && r.root == root && !r.time.Before(since)
	})
}
