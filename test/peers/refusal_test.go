package peers

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// refusal is a server that refuses all that is sent to it, and counts by path.
type refusal struct {
	url string

	mu      sync.Mutex
	refused map[string]int
}

func startRefusal(t *testing.T) *refusal {
	t.Helper()
	r := &refusal{refused: make(map[string]int)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.refused[req.URL.Path]++
		w.WriteHeader(http.StatusBadRequest) // for good: it is not tried again
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *refusal) count(path string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused[path]
}
