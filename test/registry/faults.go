package registry

import (
	"context"
	"time"

	"github.com/opencontainers/go-digest"
)

// Fault is one way in which the registry fails to serve a manifest or a blob
// as asked.
type Fault func(*faults)

type faults struct {
	delay      time.Duration
	held       bool
	method     string // that delay and held are for; all when empty
	wholeBody  bool
	status     int
	times      int // that status is still answered
	retryAfter time.Duration
	corrupt    bool
	cutAt      int64
	stallAt    int64
}

// Delay waits before it answers.
func Delay(d time.Duration) Fault { return func(f *faults) { f.delay = d } }

// Hold does not answer until the faults of the digest are replaced.
func Hold() Fault { return func(f *faults) { f.held = true } }

// On lets Delay and Hold be for requests of this method alone: a client resolves a
// tag by HEAD, and fetches by GET.
func On(method string) Fault { return func(f *faults) { f.method = method } }

// IgnoreRange serves the whole content to a request for a part of it, as some
// registries and proxies do.
func IgnoreRange() Fault { return func(f *faults) { f.wholeBody = true } }

// Status answers with this HTTP status and no content.
func Status(code int) Fault { return func(f *faults) { f.status = code } }

// Times lets Status hold for this many requests; those after it are served.
func Times(n int) Fault { return func(f *faults) { f.times = n } }

// RetryAfter asks the client, beside Status, to wait this long, in whole
// seconds, before it tries again.
func RetryAfter(d time.Duration) Fault { return func(f *faults) { f.retryAfter = d } }

// Corrupt serves as many bytes as asked for, but other ones.
func Corrupt() Fault { return func(f *faults) { f.corrupt = true } }

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

// wait holds a request back for as long as the faults of its digest say.
func (r *Registry) wait(ctx context.Context, rec *Request) error {
	f, changed := r.faultsOf(rec.Digest)
	if f.method == "" || f.method == rec.Method {
		if err := sleep(ctx, f.delay); err != nil {
			return err
		}
	}
	for f.held && (f.method == "" || f.method == rec.Method) {
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
		f, changed = r.faultsOf(rec.Digest)
	}
	return nil
}

// refusal is the status that a request for a digest is answered with instead of
// its content, or 0.
func (r *Registry) refusal(dgst digest.Digest) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, ok := r.faults[dgst]
	if !ok || f.times == 0 {
		return 0
	}
	f.times--
	r.faults[dgst] = f
	return f.status
}

func noFaults() faults { return faults{times: never, cutAt: never, stallAt: never} }

const never = 1<<63 - 1
