//go:build linux

package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/containerd/containerd/v2/core/images"

	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/soak/judge"
)

// daemonFaults are what can be wrong with containerd.
func (n *node) daemonFaults() []fault {
	return []fault{
		{"containerd killed", time.Second, func(*rand.Rand) func() {
			return n.downed("containerd killed", (*containerd.Daemon).Kill, (*containerd.Daemon).Restart)
		}},
		{"containerd restarted", time.Second, func(*rand.Rand) func() {
			return n.downed("containerd restarted", (*containerd.Daemon).Stop, (*containerd.Daemon).Restart)
		}},
		{"containerd upgraded, or back", time.Second, func(*rand.Rand) func() {
			return n.downed("containerd upgraded, or back", (*containerd.Daemon).Stop, n.changeVersion)
		}},
		{"containerd stopped by a signal", 3 * time.Second, n.freeze},
		{"disk full", 2 * time.Second, n.fillDisk},
	}
}

// downed ends containerd, until what is returned starts it again.
func (n *node) downed(name string, end, start func(*containerd.Daemon)) (restart func()) {
	done := n.during(name, judge.Down, n.watchers()...)
	n.up.Store(false)
	end(n.daemon)
	return func() {
		for _, w := range n.watchers() {
			w.renewed()
		}
		start(n.daemon)
		done()
		n.up.Store(true)
	}
}

func (n *node) changeVersion(d *containerd.Daemon) {
	n.swap.Lock()
	defer n.swap.Unlock()
	next := versions[0]
	if d.Version == next {
		next = versions[1]
	}
	d.RestartAs(next)
}

func (n *node) freeze(*rand.Rand) (thaw func()) {
	done := n.during("containerd stopped by a signal", judge.Blind, n.watchers()...)
	n.daemon.Signal(syscall.SIGSTOP)
	return func() {
		n.daemon.Signal(syscall.SIGCONT)
		done()
	}
}

// fillDisk leaves no room in the content store.
func (n *node) fillDisk(*rand.Rand) (empty func()) {
	n.Helper()
	done := n.during("disk full", judge.Full, n.watchers()...)
	path := filepath.Join(n.store, "filler")
	file, err := os.Create(path)
	if err != nil {
		n.Fatal(err)
	}
	defer file.Close()
	if err := n.allocate(file); err != nil {
		n.Errorf("filling the disk: %v", err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			n.Error(err)
		}
		done()
	}
}

// allocate gives a file in the content store all the room that is left.
func (n *node) allocate(file *os.File) error {
	for {
		var disk syscall.Statfs_t
		if err := syscall.Statfs(n.store, &disk); err != nil {
			return err
		}
		err := syscall.Fallocate(int(file.Fd()), 0, 0, int64(disk.Bavail)*disk.Bsize)
		if !errors.Is(err, syscall.ENOSPC) { // else a pull was faster
			return err
		}
	}
}

// pullFlooded pulls the image whose record is written over and over, before anybody watches.
func (n *node) pullFlooded() {
	n.Helper()
	r := n.newRound(0)
	defer r.registry.Close()
	img, err := r.push(story{name: "flooded", sizes: []int64{4 << 10}, takes: time.Millisecond})
	if err != nil {
		n.Fatal(err)
	}
	if err := r.call(n.Context(), byCRI, img); err != nil {
		n.Fatal(err)
	}
	n.flooded = img
}

// flood writes an image record anew, 10,000 times a minute, each of which is an event.
func (n *node) flood() fault {
	const name = "10,000 image events a minute"
	return fault{name, 6 * time.Second, func(*rand.Rand) func() {
		done := n.during(name, judge.Flood, n.watchers()...)
		ctx, cancel := context.WithCancel(n.Context())
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			n.writeRecords(ctx)
		}()
		return func() { cancel(); <-stopped; done() }
	}}
}

func (n *node) writeRecords(ctx context.Context) {
	c, err := n.client("k8s.io")
	if err != nil {
		n.Error(err)
		return
	}
	defer c.Close()
	ticks := time.NewTicker(time.Minute / 10_000)
	defer ticks.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		record := images.Image{Name: n.flooded.Ref(), Labels: map[string]string{"flood": fmt.Sprint(i)}}
		if _, err := c.ImageService().Update(ctx, record, "labels.flood"); err == nil {
			n.floodEvents.Add(1) // else containerd is away
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
		}
	}
}
