package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
)

// serve answers /v2/, /v2/<repository>/manifests/<tag or digest>,
// /v2/<repository>/blobs/<digest> and /v2/<repository>/tags/list, and takes pushes.
func (r *Registry) serve(w http.ResponseWriter, req *http.Request) {
	path, ok := strings.CutPrefix(req.URL.Path, "/v2/")
	if !ok {
		http.NotFound(w, req)
		return
	}
	if path == "" {
		return
	}
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		r.receive(w, req, path)
		return
	}
	if repository, ok := strings.CutSuffix(path, "/tags/list"); ok {
		r.serveTags(w, repository)
		return
	}
	for _, kind := range []string{"/manifests/", "/blobs/"} {
		repository, reference, ok := strings.Cut(path, kind)
		if !ok {
			continue
		}
		if dgst, c, ok := r.resolve(repository, reference); ok {
			r.serveContent(w, req, &Request{Method: req.Method, Repository: repository, Digest: dgst, Blob: kind == "/blobs/"}, c)
			return
		}
	}
	http.NotFound(w, req)
}

func (r *Registry) serveContent(w http.ResponseWriter, req *http.Request, rec *Request, c *content) {
	asked := req.Header.Get("Range")
	if f, _ := r.faultsOf(rec.Digest); f.wholeBody {
		asked = ""
	}
	first, end, err := parseRange(asked, c.size)
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestedRangeNotSatisfiable)
		return
	}
	status := http.StatusOK
	if asked != "" {
		status = http.StatusPartialContent
	}
	rec.Offset = first
	r.begin(rec)
	defer r.end(rec)

	if err := r.wait(req.Context(), rec); err != nil {
		return
	}
	f, _ := r.faultsOf(rec.Digest)
	if refused := r.refusal(rec.Digest); refused != 0 {
		if f.retryAfter > 0 {
			w.Header().Set("Retry-After", fmt.Sprint(int(f.retryAfter.Seconds())))
		}
		r.answered(rec, refused)
		http.Error(w, http.StatusText(refused), refused)
		return
	}
	if first >= f.cutAt {
		panic(http.ErrAbortHandler) // net/http's own way to close the connection
	}

	h := w.Header()
	h.Set("Content-Type", c.mediaType)
	h.Set("Content-Length", fmt.Sprint(end-first))
	h.Set("Docker-Content-Digest", rec.Digest.String())
	h.Set("Accept-Ranges", "bytes")
	if status == http.StatusPartialContent {
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, end-1, c.size))
	}
	r.answered(rec, status)
	w.WriteHeader(status)
	if req.Method == http.MethodHead {
		return
	}
	if f.corrupt {
		c = c.corrupted()
	}
	if err := r.serveBody(w, req, rec, c, end); err != nil {
		panic(http.ErrAbortHandler)
	}
}

var errCut = errors.New("cut by a fault")

// serveBody writes the content from the request's offset up to end, as slowly
// as the limits say and as far as the faults allow.
func (r *Registry) serveBody(w http.ResponseWriter, req *http.Request, rec *Request, c *content, end int64) error {
	ctx, flusher := req.Context(), http.NewResponseController(w)
	body, err := c.openAt(rec.Offset)
	if err != nil {
		return err
	}
	defer body.Close()
	limits := bandwidth{r.limiter(""), r.limiter(rec.Repository), r.limiter(rec.Digest.String())}

	for at := rec.Offset; at < end; {
		n, err := r.allowed(ctx, rec.Digest, at, end)
		if err != nil {
			return err
		}
		if n, err = limits.take(ctx, n); err != nil {
			return err
		}
		written, err := io.CopyN(w, body, n)
		r.wrote(rec, written)
		if err != nil {
			return err
		}
		if err := flusher.Flush(); err != nil {
			return err
		}
		at += written
	}
	return nil
}

// allowed returns how many bytes the faults let through at an offset. While
// the body is stalled it waits.
func (r *Registry) allowed(ctx context.Context, dgst digest.Digest, at, end int64) (int64, error) {
	for {
		f, changed := r.faultsOf(dgst)
		switch {
		case at >= f.cutAt:
			return 0, errCut
		case at < f.stallAt:
			return min(end, f.cutAt, f.stallAt) - at, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
