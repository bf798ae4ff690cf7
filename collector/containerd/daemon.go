package containerd

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/pulltrace/pulltrace/collector/containerd/judge"
)

// daemon is one run of a containerd.
type daemon struct {
	judge.Daemon
	pid, pidns uint64 // of this run
	met        time.Time

	slots        int  // shared by all pulls; 0 where each has its own
	commitEvents bool // it tells of each commit of a blob
}

// lose takes note that containerd did not answer at a time, or broke off its
// events. It may be another run of it that answers next.
func (s *Source) lose(at moment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost.isZero() || at.up < s.lost.up {
		s.lost = at
	}
}

// found returns when containerd was lost, zero if it was not, and takes it for
// found.
func (s *Source) found() (lost moment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lost, s.lost = s.lost, moment{}
	return lost
}

// identify learns which containerd answers, at first and whenever it was lost.
func (s *Source) identify(ctx context.Context) error {
	lostAt := s.found()
	if lostAt.isZero() {
		return nil
	}
	server, err := s.client.introspection.Server(ctx)
	if err != nil {
		s.lose(lostAt)
		return fmt.Errorf("asking containerd for its UUID: %w", err)
	}
	version, err := s.Version(ctx)
	if err != nil {
		s.lose(lostAt)
		return err
	}
	d := daemon{
		Daemon: judge.Daemon{UUID: server.GetUUID(), Began: s.daemon.Began},
		pid:    server.GetPid(), pidns: server.GetPidns(),
		met: s.daemon.met,
	}
	if d.commitEvents = isSince21(version); d.commitEvents {
		d.slots = s.config.MaxConcurrentDownloads
	}
	lost := lostAt.by(now()) // the clock may have been set meanwhile
	switch {
	case d.UUID != s.daemon.UUID: // what was known of another one is forgotten
		clear(s.namespaces)
		d.Began, d.met = socketTime(s.config.Address), time.Now()
	case d.pid != s.daemon.pid || d.pidns != s.daemon.pidns:
		// It may have answered no more for another reason, and ended later; and it is noticed
		// late where Pulltrace itself stood still.
		if d.Began = socketTime(s.config.Address); !d.Began.After(s.asked) {
			d.Began = lost
		}
		if d.Began.Before(lost) {
			lost = d.Began
		}
		for _, n := range s.namespaces {
			n.Lose(lost, d.Began)
		}
	}
	s.daemon = d
	return nil
}

// socketTime is when the socket was made, zero if that is not known. containerd
// makes a new one at each start, so no pull that runs is older; where something
// else listens for it, that may have been restarted under a pull.
func socketTime(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Type() != os.ModeSocket || info.ModTime().After(time.Now()) {
		return time.Time{} // or the clock was set back since
	}
	return info.ModTime()
}

// follow takes note that the wall clock was set: what is known of when containerd began goes
// with it.
func (d *daemon) follow(by time.Duration) {
	if !d.Began.IsZero() {
		d.Began = d.Began.Add(by)
	}
}
