package containerd

import (
	"context"
	"fmt"
	"time"

	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pulltrace/pulltrace/collector/containerd/judge"
	"github.com/pulltrace/pulltrace/collector/limits"
)

// answer asks containerd for all that a look wants, for limits.LookTime at the most: other
// pulls wait to be reported.
func (s *Source) answer(ctx context.Context, namespace string, look *judge.Look) error {
	began := time.Now()
	for {
		wants := look.Wants()
		if len(wants) == 0 {
			return nil
		}
		for _, w := range wants {
			if time.Since(began) > limits.LookTime {
				return nil
			}
			a, err := s.ask(ctx, namespace, w)
			if err != nil && broken(err) {
				return err
			}
			look.Take(w, a) // of what containerd does not tell, the zero Answer
		}
	}
}

// broken tells an error of the connection, after which no look can go on, from
// one that only means that containerd does not tell this.
func broken(err error) bool {
	return errdefs.IsUnavailable(err) || errdefs.IsDeadlineExceeded(err) || errdefs.IsCanceled(err)
}

func (s *Source) ask(ctx context.Context, namespace string, w judge.Want) (a judge.Answer, err error) {
	switch w.Kind {
	case judge.WantInfo:
		if a.Info, err = s.client.content.Info(ctx, w.Digest); err != nil {
			err = fmt.Errorf("asking for blob %s: %w", w.Digest, err)
		}
	case judge.WantDocument, judge.WantConfig:
		a.Bytes, err = s.read(ctx, w)
	case judge.WantSnapshot:
		a.Time, err = s.committed(ctx, w)
	case judge.WantShared:
		a.Shared, err = s.isShared(ctx, namespace, w)
	case judge.WantRecords:
		if !s.namespaces[namespace].Recorded(w.Digest, w.Since, w.Until) {
			a.Records, err = s.listRecords(ctx, w)
		}
	}
	return a, err
}

// read returns the content of a small blob.
func (s *Source) read(ctx context.Context, w judge.Want) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limits.CallTime)
	defer cancel()
	b, err := content.ReadBlob(ctx, s.client.content, ocispec.Descriptor{Digest: w.Digest, Size: w.Size})
	if err != nil {
		return nil, fmt.Errorf("reading blob %s: %w", w.Digest, err)
	}
	return b, nil
}

// committed is when a snapshot was committed, zero if it is not.
func (s *Source) committed(ctx context.Context, w judge.Want) (time.Time, error) {
	info, err := s.client.snapshotter(w.Snapshotter).Stat(ctx, w.Digest.String())
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("asking for snapshot %s: %w", w.Digest, err)
	case info.Kind != snapshots.KindCommitted:
		return time.Time{}, nil
	}
	return info.Created, nil
}

// isShared tells whether a blob was in another namespace before a time.
func (s *Source) isShared(ctx context.Context, namespace string, w judge.Want) (bool, error) {
	list, err := s.client.listNamespaces(ctx)
	if err != nil {
		return false, err
	}
	for _, other := range list {
		if other == namespace {
			continue
		}
		info, err := s.client.content.Info(namespaces.WithNamespace(ctx, other), w.Digest)
		switch {
		case err == nil && info.CreatedAt.Before(w.Since):
			return true, nil
		case err != nil && broken(err):
			return false, fmt.Errorf("asking namespace %s for blob %s: %w", other, w.Digest, err)
		}
	}
	return false, nil
}

// listRecords lists the image records of a root.
func (s *Source) listRecords(ctx context.Context, w judge.Want) (records []judge.Record, err error) {
	found, err := s.client.images.List(ctx, &imagesapi.ListImagesRequest{Filters: []string{"target.digest==" + w.Digest.String()}})
	if err != nil {
		return nil, fmt.Errorf("listing images of %s: %w", w.Digest, errgrpc.ToNative(err))
	}
	for _, image := range found.GetImages() {
		if r, ok := judge.ParseRecord(image.GetName(), image.GetTarget().GetDigest(), image.GetUpdatedAt().AsTime()); ok {
			records = append(records, r)
		}
	}
	return records, nil
}
