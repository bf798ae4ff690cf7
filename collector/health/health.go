// Package health answers, by HTTP, whether Pulltrace works: to the kubelet, or to
// whoever asks.
//
//	/livez   200 while the loop polls
//	/readyz  200 once containerd has answered the last poll
//
// Both answer 503 otherwise, and a line that says why. That Kubernetes or the
// receiver of telemetry is away makes neither fail: pulls are watched all the same.
package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// Server is a Reporter that tells what it was last told.
type Server struct {
	http *http.Server
	late time.Duration
	now  func() time.Time

	mu    sync.Mutex
	heard time.Time // when it was told of a poll, or was started
	polls bool      // it was told of one
	err   error     // of the last poll
}

// answerTime is how long a poll may take. Each of its calls to containerd has a
// limit of some seconds, and there are several.
const answerTime = time.Minute

// Listen answers on an address like ":13133" until Close. The loop is late when
// it does not poll within three of its longest intervals and the time that a
// poll may take.
func Listen(ctx context.Context, address string, interval time.Duration) (*Server, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening for questions about health: %w", err)
	}
	s := newServer(interval)
	go s.http.Serve(l)
	return s, nil
}

func newServer(interval time.Duration) *Server {
	s := &Server{late: 3*interval + answerTime, now: time.Now, heard: time.Now()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", answer(s.live))
	mux.HandleFunc("GET /readyz", answer(s.ready))
	s.http = &http.Server{
		Handler:     mux,
		ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 8 << 10,
	}
	return s
}

// Close ends the listening.
func (s *Server) Close() error { return s.http.Close() }

// Report takes note of a poll.
func (s *Server) Report(u pull.Update) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard, s.polls, s.err = s.now(), true, u.Err
}

func (s *Server) live() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if silent := s.now().Sub(s.heard); silent > s.late {
		return fmt.Errorf("no poll for %s", silent.Round(time.Second))
	}
	return nil
}

func (s *Server) ready() error {
	if err := s.live(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.polls {
		return errors.New("containerd was not asked yet")
	}
	if s.err != nil {
		return fmt.Errorf("containerd does not answer: %w", s.err)
	}
	return nil
}

func answer(ask func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := ask(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "ok\n")
	}
}
