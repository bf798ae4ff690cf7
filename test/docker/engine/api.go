package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// apiVersion is of a time that both versions know.
const apiVersion = "/v1.44"

// request is what Docker is asked by its API.
type request struct {
	method, path string
	query        url.Values
	body         io.Reader
	mediaType    string
	header       http.Header
	// answer reads the body of a good answer; it is read and left where this is nil.
	answer func(io.Reader) error
}

// do asks Docker, and returns what it says that went wrong.
func (e *Engine) do(ctx context.Context, r request) error {
	address := url.URL{Scheme: "http", Host: "docker", Path: apiVersion + r.path, RawQuery: r.query.Encode()}
	req, err := http.NewRequestWithContext(ctx, r.method, address.String(), r.body)
	if err != nil {
		return err
	}
	maps.Copy(req.Header, r.header)
	if r.mediaType != "" {
		req.Header.Set("Content-Type", r.mediaType)
	}
	resp, err := e.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		return refusal(resp)
	}
	answer := r.answer
	if answer == nil {
		answer = func(body io.Reader) error {
			_, err := io.Copy(io.Discard, body)
			return err
		}
	}
	return answer(resp.Body)
}

// refused is an answer with the status of an error.
type refused struct {
	status  int
	message string
}

func (r *refused) Error() string { return fmt.Sprintf("%d: %s", r.status, r.message) }

func refusal(resp *http.Response) error {
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	return &refused{resp.StatusCode, strings.TrimSpace(string(text))}
}

// isMissing tells whether Docker has not got what it was asked for.
func isMissing(err error) bool {
	var r *refused
	return errors.As(err, &r) && r.status == http.StatusNotFound
}

// progress reads what Docker says while it works, a JSON object after another, to its
// end. An error comes as one of them.
func progress(body io.Reader) error {
	for decoder := json.NewDecoder(body); ; {
		var message struct{ Error string }
		err := decoder.Decode(&message)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case message.Error != "":
			return errors.New(message.Error)
		}
	}
}
