package registry

import (
	"fmt"
	"net"
	"net/http"
	"sync"

	"github.com/opencontainers/go-digest"
	"golang.org/x/time/rate"
)

// Registry is a running registry. Its methods may be called at any time and
// from any goroutine.
type Registry struct {
	listener net.Listener
	server   *http.Server

	mu            sync.Mutex
	contents      map[digest.Digest]*content
	tags          map[string]digest.Digest // by "repository:tag"
	limiters      map[string]*rate.Limiter // by scope, see limiter
	faults        map[digest.Digest]faults
	faultsChanged chan struct{} // closed and replaced when faults change
	requests      []*Request
}

// Start starts an empty registry on a free port of 127.0.0.1.
func Start() (*Registry, error) { return StartOn("127.0.0.1:0") }

// StartOn is Start on an address of its own.
func StartOn(address string) (*Registry, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("starting registry: %w", err)
	}
	r := &Registry{
		listener:      l,
		contents:      map[digest.Digest]*content{},
		tags:          map[string]digest.Digest{},
		limiters:      map[string]*rate.Limiter{},
		faults:        map[digest.Digest]faults{},
		faultsChanged: make(chan struct{}),
	}
	r.server = &http.Server{Handler: http.HandlerFunc(r.serve)}
	go r.server.Serve(l) // returns when closed
	return r, nil
}

// Close stops the registry and cuts what is still being served.
func (r *Registry) Close() error { return r.server.Close() }

// Host returns the address the registry listens on, "127.0.0.1:41234".
func (r *Registry) Host() string { return r.listener.Addr().String() }

func (r *Registry) put(dgst digest.Digest, c *content) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.contents[dgst] = c
}

func (r *Registry) tag(repository, tag string, dgst digest.Digest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tags[repository+":"+tag] = dgst
}

// resolve finds what a reference in a URL, a tag or a digest, stands for.
func (r *Registry) resolve(repository, reference string) (digest.Digest, *content, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	dgst, ok := r.tags[repository+":"+reference]
	if !ok {
		dgst = digest.Digest(reference)
	}
	c, ok := r.contents[dgst]
	return dgst, c, ok
}
