// Package lazy is a remote snapshotter for tests, as a proxy plugin of
// containerd: of layers that it is told to hold it says that they are there
// already, so that containerd never fetches them. All others it unpacks as
// containerd's own native snapshotter does.
package lazy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/v2/contrib/snapshotservice"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/plugins/snapshots/native"
	"github.com/containerd/errdefs"
	"google.golang.org/grpc"
)

// Snapshotter is a running plugin.
type Snapshotter struct {
	// Socket is the path of the unix socket that it listens on.
	Socket string

	snapshots.Snapshotter
	dir    string
	server *grpc.Server

	mu   sync.Mutex
	held map[string]bool
}

// Start starts a plugin that holds no layer.
func Start() (*Snapshotter, error) {
	dir, err := os.MkdirTemp("", "pulltrace-lazy-")
	if err != nil {
		return nil, fmt.Errorf("starting snapshotter: %w", err)
	}
	backend, err := native.NewSnapshotter(filepath.Join(dir, "root"))
	if err != nil {
		return nil, fmt.Errorf("starting snapshotter: %w", err)
	}
	s := &Snapshotter{Socket: filepath.Join(dir, "s"), Snapshotter: backend, dir: dir, server: grpc.NewServer(), held: map[string]bool{}}
	l, err := net.Listen("unix", s.Socket)
	if err != nil {
		return nil, fmt.Errorf("starting snapshotter: %w", err)
	}
	snapshotsapi.RegisterSnapshotsServer(s.server, snapshotservice.FromSnapshotter(s))
	go s.server.Serve(l) // returns when stopped
	return s, nil
}

// Close stops the plugin and removes what it has unpacked.
func (s *Snapshotter) Close() error {
	s.server.Stop()
	return errors.Join(s.Snapshotter.Close(), os.RemoveAll(s.dir))
}

// Hold makes it hold the layer with this chain ID.
func (s *Snapshotter) Hold(chainID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[chainID] = true
}

func (s *Snapshotter) holds(chainID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held[chainID]
}

// Prepare of a layer that it holds answers that it is there.
func (s *Snapshotter) Prepare(ctx context.Context, key, parent string, opts ...snapshots.Opt) ([]mount.Mount, error) {
	var info snapshots.Info
	for _, opt := range opts {
		if err := opt(&info); err != nil {
			return nil, err
		}
	}
	target := info.Labels[snapshots.LabelSnapshotRef]
	if !s.holds(target) {
		return s.Snapshotter.Prepare(ctx, key, parent, opts...)
	}
	if _, err := s.Snapshotter.Prepare(ctx, key, parent, opts...); err != nil {
		return nil, err
	}
	if err := s.Commit(ctx, "lazy "+key, key, opts...); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("layer %s: %w", target, errdefs.ErrAlreadyExists)
}
