package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Run is docker run: a container of the image, which is pulled where it is missing, runs
// to its end. What is returned is the pull; it is zero where there was none.
func (e *Engine) Run(ctx context.Context, ref string) (pull Call, err error) {
	id, err := e.create(ctx, ref)
	if isMissing(err) {
		if pull = e.Pull(ctx, ref); pull.Err != nil {
			return pull, pull.Err
		}
		id, err = e.create(ctx, ref)
	}
	if err != nil {
		return pull, fmt.Errorf("creating a container: %w", err)
	}
	if err := e.do(ctx, request{method: http.MethodPost, path: "/containers/" + id + "/start"}); err != nil {
		return pull, fmt.Errorf("starting a container: %w", err)
	}
	var ended struct{ StatusCode int }
	err = e.do(ctx, request{method: http.MethodPost, path: "/containers/" + id + "/wait", answer: decodeInto(&ended)})
	if err == nil && ended.StatusCode != 0 {
		err = fmt.Errorf("it ended with %d", ended.StatusCode)
	}
	if err != nil {
		return pull, fmt.Errorf("waiting for a container: %w", err)
	}
	return pull, nil
}

// Commit is docker commit of a new container of an image, as another image.
func (e *Engine) Commit(ctx context.Context, from, to string) error {
	id, err := e.create(ctx, from)
	if err != nil {
		return fmt.Errorf("creating a container: %w", err)
	}
	name, tag := split(to)
	query := url.Values{"container": {id}, "repo": {name}, "tag": {tag}}
	return e.do(ctx, request{method: http.MethodPost, path: "/commit", query: query, body: strings.NewReader("{}"), mediaType: "application/json"})
}

func (e *Engine) create(ctx context.Context, ref string) (id string, err error) {
	what, err := json.Marshal(map[string]any{"Image": ref, "HostConfig": map[string]any{"NetworkMode": "none"}})
	if err != nil {
		return "", err
	}
	var created struct{ ID string }
	err = e.do(ctx, request{
		method: http.MethodPost, path: "/containers/create", body: bytes.NewReader(what), mediaType: "application/json",
		answer: decodeInto(&created),
	})
	return created.ID, err
}

func decodeInto(v any) func(io.Reader) error {
	return func(body io.Reader) error { return json.NewDecoder(body).Decode(v) }
}
