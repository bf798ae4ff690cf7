package registry

import (
	"time"

	"github.com/opencontainers/go-digest"
)

// Fault is one way in which the registry fails to serve a manifest or a blob
// as asked.
type Fault func(*faults)

type faults struct {
	delay   time.Duration
	status  int
	cutAt   int64
	stallAt int64
}

// Delay waits before it answers.
func Delay(d time.Duration) Fault { return func(f *faults) { f.delay = d } }

// Status answers with this HTTP status and no content.
func Status(code int) Fault { return func(f *faults) { f.status = code } }

// CutAt closes the connection where the body reaches this offset in the
// content. A request that begins there or beyond gets no answer at all.
func CutAt(offset int64) Fault { return func(f *faults) { f.cutAt = offset } }

// StallAt serves no byte beyond this offset in the content and keeps the
// connection open. A body that is beyond it already stops where it is.
func StallAt(offset int64) Fault { return func(f *faults) { f.stallAt = offset } }

// SetFaults replaces the faults of a digest, for the bodies being served too.
// Without a fault the digest is served well again.
func (r *Registry) SetFaults(dgst digest.Digest, fs ...Fault) {
	set := noFaults()
	for _, f := range fs {
		f(&set)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults[dgst] = set
	close(r.faultsChanged)
	r.faultsChanged = make(chan struct{})
}

// faultsOf returns what is wrong with a digest now, and a channel that is
// closed when that may have changed.
func (r *Registry) faultsOf(dgst digest.Digest) (faults, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, ok := r.faults[dgst]
	if !ok {
		f = noFaults()
	}
	return f, r.faultsChanged
}

func noFaults() faults { return faults{cutAt: never, stallAt: never} }

const never = 1<<63 - 1
