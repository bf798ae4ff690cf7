package registry

import (
	"context"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/time/rate"
)

const (
	writeEvery = 25 * time.Millisecond // of a shaped body: small writes make it smooth
	maxWrite   = 64 << 10              // bytes
)

// SetRate limits all bodies together to so many bytes per second; 0 lifts it.
func (r *Registry) SetRate(bytesPerSecond int) { r.setRate("", bytesPerSecond) }

// SetRepositoryRate limits the bodies of one repository together.
func (r *Registry) SetRepositoryRate(repository string, bytesPerSecond int) {
	r.setRate(repository, bytesPerSecond)
}

// SetDigestRate limits the bodies of one manifest or blob together.
func (r *Registry) SetDigestRate(dgst digest.Digest, bytesPerSecond int) {
	r.setRate(dgst.String(), bytesPerSecond)
}

func (r *Registry) setRate(scope string, bytesPerSecond int) {
	l := r.limiter(scope)
	if bytesPerSecond <= 0 {
		l.SetLimit(rate.Inf)
		l.SetBurst(maxWrite)
		return
	}
	l.SetLimit(rate.Limit(bytesPerSecond))
	l.SetBurst(max(1, int(float64(bytesPerSecond)*writeEvery.Seconds())))
}

// limiter returns the limiter of a scope: a repository, a digest, or "" for
// the whole registry. Neither of them contains the other's form.
func (r *Registry) limiter(scope string) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	l, ok := r.limiters[scope]
	if !ok {
		l = rate.NewLimiter(rate.Inf, maxWrite)
		r.limiters[scope] = l
	}
	return l
}

// bandwidth is what one body may use: as much as each of its limiters allows.
type bandwidth []*rate.Limiter

// take waits until some of the next n bytes may be written, and returns how
// many those are.
func (b bandwidth) take(ctx context.Context, n int64) (int64, error) {
	n = min(n, maxWrite)
	for _, l := range b {
		n = min(n, int64(l.Burst()))
	}
	for _, l := range b {
		// A burst made smaller meanwhile refuses n; then it is taken in parts.
		for left := int(n); left > 0; {
			part := min(left, l.Burst())
			if err := l.WaitN(ctx, part); err == nil {
				left -= part
			} else if ctx.Err() != nil {
				return 0, ctx.Err()
			}
		}
	}
	return n, nil
}
