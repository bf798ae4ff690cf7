package registry

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"
)

// receive takes what a client pushes: a blob as a whole, by POST and then PUT, or a
// manifest. It is kept in memory, and served from then on. The limits hold for it as for
// what is served.
func (r *Registry) receive(w http.ResponseWriter, req *http.Request, path string) {
	if repository, _, ok := strings.Cut(path, "/blobs/uploads/"); ok {
		if req.Method == http.MethodPost {
			w.Header().Set("Location", "/v2/"+repository+"/blobs/uploads/one")
			w.WriteHeader(http.StatusAccepted)
			return
		}
		r.receiveContent(w, req, repository, digest.Digest(req.URL.Query().Get("digest")), "application/octet-stream")
		return
	}
	repository, reference, ok := strings.Cut(path, "/manifests/")
	if !ok || req.Method != http.MethodPut {
		http.Error(w, "this registry does not know "+req.Method+" "+path, http.StatusMethodNotAllowed)
		return
	}
	dgst := r.receiveContent(w, req, repository, "", req.Header.Get("Content-Type"))
	if dgst != "" && !strings.Contains(reference, ":") {
		r.tag(repository, reference, dgst)
	}
}

// receiveContent holds the body, which has to have the digest where that is given. It
// returns the digest, or nothing where it has refused the body.
func (r *Registry) receiveContent(w http.ResponseWriter, req *http.Request, repository string, want digest.Digest, mediaType string) digest.Digest {
	limits := bandwidth{r.limiter(""), r.limiter(repository)}
	data, err := io.ReadAll(&limited{req.Context(), req.Body, limits})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return ""
	}
	dgst := digest.FromBytes(data)
	if want != "" && dgst != want {
		http.Error(w, fmt.Sprintf("the body is %s, not %s", dgst, want), http.StatusBadRequest)
		return ""
	}
	r.put(dgst, &content{mediaType: mediaType, size: int64(len(data)), open: openBytes(data)})
	w.Header().Set("Docker-Content-Digest", dgst.String())
	w.Header().Set("Location", req.URL.Path)
	w.WriteHeader(http.StatusCreated)
	return dgst
}

// limited is a body that comes as slowly as the limits say.
type limited struct {
	ctx    context.Context //nolint:containedctx // a Read has none
	body   io.Reader
	limits bandwidth
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.limits.take(l.ctx, int64(len(p)))
	if err != nil {
		return 0, err
	}
	return l.body.Read(p[:n])
}

// Has tells whether the registry holds all that an image, which may be another
// registry's, consists of: what has been pushed.
func (r *Registry) Has(img *Image) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, dgst := range append(img.Blobs(), img.Manifest.Digest) {
		if _, ok := r.contents[dgst]; !ok {
			return false
		}
	}
	return true
}
