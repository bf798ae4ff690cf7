package registry

import (
	"time"

	"github.com/opencontainers/go-digest"
)

// Request is one request for a manifest or a blob that the registry holds.
type Request struct {
	Method     string
	Repository string
	Digest     digest.Digest
	Blob       bool      // asked for as a blob, not as a manifest
	Offset     int64     // where the body begins in the content; above 0 it is a resume
	Status     int       // 0 while unanswered, or where the connection was cut instead
	Written    int64     // body bytes that went out
	Start      time.Time // when the request came in
	End        time.Time // when the last byte went out; zero while it is being served
}

// Requests returns what was asked so far, in order of arrival.
func (r *Registry) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Request, len(r.requests))
	for i, req := range r.requests {
		out[i] = *req
	}
	return out
}

// Served returns the body bytes that went out for these digests, over all
// requests. Bytes that a client fetched twice count twice.
func (r *Registry) Served(digests ...digest.Digest) int64 {
	wanted := make(map[digest.Digest]bool)
	for _, d := range digests {
		wanted[d] = true
	}
	var n int64
	for _, req := range r.Requests() {
		if wanted[req.Digest] {
			n += req.Written
		}
	}
	return n
}

func (r *Registry) begin(req *Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	req.Start = time.Now()
	r.requests = append(r.requests, req)
}

func (r *Registry) answered(req *Request, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	req.Status = status
}

func (r *Registry) wrote(req *Request, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	req.Written += n
}

func (r *Registry) end(req *Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	req.End = time.Now()
}
