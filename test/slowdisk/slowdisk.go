// Package slowdisk puts a folder of a test on a disk whose writes take long to
// become safe: a file system in user space that hands everything on, and waits at
// each fsync for as long as it is told.
package slowdisk

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Disk is a folder on a slow disk.
type Disk struct{ delay atomic.Int64 }

// Mount puts dir and what is in it on a disk that is as fast as ever until it is
// told to be slow. It is unmounted when the test ends, which whoever uses it must
// have ended by then. Only root can mount.
func Mount(t testing.TB, dir string) *Disk {
	t.Helper()
	below, err := os.MkdirTemp(filepath.Dir(dir), "below-")
	if err != nil {
		t.Fatal(err)
	}
	below = filepath.Join(below, filepath.Base(dir))
	if err := os.Rename(dir, below); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	loopback, err := fs.NewLoopbackRoot(below)
	if err != nil {
		t.Fatal(err)
	}
	d := &Disk{}
	root := &node{loopback.(*fs.LoopbackNode), d}
	root.RootData.RootNode = root
	server, err := fs.Mount(dir, root, &fs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true}})
	if err != nil {
		t.Fatalf("mounting a slow disk: %v", err)
	}
	t.Cleanup(func() {
		d.Slow(0)
		if err := server.Unmount(); err != nil {
			t.Errorf("unmounting the slow disk: %v", err)
		}
	})
	return d
}

// Slow makes each fsync take so much longer from now on.
func (d *Disk) Slow(by time.Duration) { d.delay.Store(int64(by)) }

// node is a file or folder on the disk.
type node struct {
	*fs.LoopbackNode
	disk *Disk
}

var (
	_ fs.NodeWrapChilder = (*node)(nil)
	_ fs.NodeFsyncer     = (*node)(nil)
)

// WrapChild puts what is in a folder on the disk, too.
func (n *node) WrapChild(_ context.Context, child fs.InodeEmbedder) fs.InodeEmbedder {
	return &node{child.(*fs.LoopbackNode), n.disk}
}

// Fsync waits and then syncs the file below.
func (n *node) Fsync(ctx context.Context, f fs.FileHandle, flags uint32) syscall.Errno {
	time.Sleep(time.Duration(n.disk.delay.Load()))
	if file, ok := f.(fs.FileFsyncer); ok {
		return file.Fsync(ctx, flags)
	}
	return syscall.ENOTSUP
}
