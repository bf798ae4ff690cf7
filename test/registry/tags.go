package registry

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// serveTags answers /v2/<repository>/tags/list.
func (r *Registry) serveTags(w http.ResponseWriter, repository string) {
	w.Header().Set("Content-Type", "application/json")
	err := json.NewEncoder(w).Encode(map[string]any{"name": repository, "tags": r.tagsOf(repository)})
	if err != nil {
		panic(http.ErrAbortHandler) // the client is gone
	}
}

func (r *Registry) tagsOf(repository string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	tags := []string{}
	for name := range r.tags {
		if tag, ok := strings.CutPrefix(name, repository+":"); ok {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return tags
}
