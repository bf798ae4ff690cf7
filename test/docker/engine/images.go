package engine

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Call is something that Docker was asked for, and has ended.
type Call struct {
	Start, End time.Time
	Err        error
}

// Took is how long it took.
func (c Call) Took() time.Duration { return c.End.Sub(c.Start) }

// clocked is a call with this process's clock around it.
func clocked(call func() error) Call {
	c := Call{Start: time.Now()}
	c.Err = call()
	c.End = time.Now()
	return c
}

// Pull is docker pull. A context that ends is Ctrl-C.
func (e *Engine) Pull(ctx context.Context, ref string) Call {
	name, tag := split(ref)
	return e.pull(ctx, url.Values{"fromImage": {name}, "tag": {tag}})
}

// StartPull is Pull without waiting; the channel gets the one result.
func (e *Engine) StartPull(ctx context.Context, ref string) <-chan Call {
	done := make(chan Call, 1)
	go func() { done <- e.Pull(ctx, ref) }()
	return done
}

// PullAll is docker pull -a: all tags of a repository.
func (e *Engine) PullAll(ctx context.Context, name string) Call {
	return e.pull(ctx, url.Values{"fromImage": {name}})
}

func (e *Engine) pull(ctx context.Context, what url.Values) Call {
	return clocked(func() error {
		return e.do(ctx, request{method: http.MethodPost, path: "/images/create", query: what, answer: progress})
	})
}

// Push is docker push.
func (e *Engine) Push(ctx context.Context, ref string) Call {
	name, tag := split(ref)
	return clocked(func() error {
		return e.do(ctx, request{
			method: http.MethodPost, path: "/images/" + name + "/push", query: url.Values{"tag": {tag}},
			// Docker wants to be told who pushes, be it nobody.
			header: http.Header{"X-Registry-Auth": {base64.URLEncoding.EncodeToString([]byte("{}"))}},
			answer: progress,
		})
	})
}

// Save is docker save into a file. Where rate is not 0, what reads takes no more than so
// many bytes a second.
func (e *Engine) Save(ctx context.Context, ref, path string, rate int64) Call {
	return clocked(func() error {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return e.do(ctx, request{method: http.MethodGet, path: "/images/get", query: url.Values{"names": {ref}}, answer: func(body io.Reader) error {
			return copySlowly(ctx, f, body, rate)
		}})
	})
}

// copySlowly copies as many bytes a second, or as fast as it goes where rate is 0.
func copySlowly(ctx context.Context, to io.Writer, from io.Reader, rate int64) error {
	if rate == 0 {
		_, err := io.Copy(to, from)
		return err
	}
	const step = 100 * time.Millisecond
	for ticks := time.NewTicker(step); ; {
		_, err := io.CopyN(to, from, rate*int64(step)/int64(time.Second))
		if err == io.EOF { //nolint:errorlint // io.CopyN returns it as it is
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Load is docker load of a file.
func (e *Engine) Load(ctx context.Context, path string) Call {
	return clocked(func() error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return e.do(ctx, request{method: http.MethodPost, path: "/images/load", body: f, mediaType: "application/x-tar", answer: progress})
	})
}

// Import is docker import: an image of one layer, which is the archive.
func (e *Engine) Import(ctx context.Context, path, ref string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	name, tag := split(ref)
	query := url.Values{"fromSrc": {"-"}, "repo": {name}, "tag": {tag}}
	return e.do(ctx, request{method: http.MethodPost, path: "/images/create", query: query, body: f, mediaType: "application/x-tar", answer: progress})
}

// Tag is docker tag.
func (e *Engine) Tag(ctx context.Context, from, to string) error {
	name, tag := split(to)
	return e.do(ctx, request{method: http.MethodPost, path: "/images/" + from + "/tag", query: url.Values{"repo": {name}, "tag": {tag}}})
}

// Remove is docker rmi --force.
func (e *Engine) Remove(ctx context.Context, ref string) error {
	return e.do(ctx, request{method: http.MethodDelete, path: "/images/" + ref, query: url.Values{"force": {"1"}}})
}

// split parts the tag from a name.
func split(ref string) (name, tag string) {
	i := strings.LastIndex(ref, ":")
	return ref[:i], ref[i+1:]
}
