package containerd

import (
	"fmt"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/pkg/namespaces"
)

// isShared tells whether a blob that came with a pull was in another namespace
// before. containerd then takes it over from there: it fetches nothing and lists
// no ingest, unless namespaces are set to be isolated (metadata/content.go:414
// @v2.4.2). An ingest that was listed is proof that the blob was fetched.
func (k *look) isShared(l *lease, info content.Info) (bool, error) {
	d := info.Digest
	if d == "" || info.CreatedAt.Before(l.created) {
		return false, nil
	}
	if shared, known := l.shared[d]; known {
		return shared, nil
	}
	list, err := k.source.client.listNamespaces(k.ctx)
	if err != nil {
		return false, err
	}
	shared := false
	for _, ns := range list {
		if ns == k.namespace {
			continue
		}
		other, err := k.source.client.content.Info(namespaces.WithNamespace(k.ctx, ns), d)
		switch {
		case err == nil && other.CreatedAt.Before(l.created):
			shared = true
		case err != nil && broken(err):
			return false, fmt.Errorf("asking namespace %s for blob %s: %w", ns, d, err)
		}
	}
	l.shared[d] = shared
	return shared, nil
}
