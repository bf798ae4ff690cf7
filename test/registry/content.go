package registry

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// content is a manifest or a blob.
type content struct {
	mediaType string
	size      int64
	open      func() io.ReadCloser
}

func openBytes(data []byte) func() io.ReadCloser {
	return func() io.ReadCloser { return io.NopCloser(bytes.NewReader(data)) }
}

// openZeros reads zeros without an end.
func openZeros() io.ReadCloser { return io.NopCloser(zeros{}) }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// openAt reads the content from an offset.
func (c *content) openAt(offset int64) (io.ReadCloser, error) {
	r := c.open()
	if _, err := io.CopyN(io.Discard, r, offset); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// corrupted is content of the same size with other bytes: each is inverted.
func (c *content) corrupted() *content {
	wrong := *c
	wrong.open = func() io.ReadCloser { return inverted{c.open()} }
	return &wrong
}

type inverted struct{ io.ReadCloser }

func (i inverted) Read(p []byte) (int, error) {
	n, err := i.ReadCloser.Read(p)
	for at := range n {
		p[at] = ^p[at]
	}
	return n, err
}

// parseRange reads a Range header of one range, "bytes=first-" or
// "bytes=first-last", and returns the bytes from first up to, not with, end.
// Without a header that is all of them.
func parseRange(header string, size int64) (first, end int64, err error) {
	if header == "" {
		return 0, size, nil
	}
	from, to, ok := strings.Cut(strings.TrimPrefix(header, "bytes="), "-")
	if !ok {
		return 0, 0, fmt.Errorf("range %q has no dash", header)
	}
	if first, err = strconv.ParseInt(from, 10, 64); err != nil {
		return 0, 0, fmt.Errorf("range %q: %w", header, err)
	}
	end = size
	if to != "" {
		last, err := strconv.ParseInt(to, 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("range %q: %w", header, err)
		}
		end = min(last+1, size)
	}
	if first >= end {
		return 0, 0, fmt.Errorf("range %q is empty in %d bytes", header, size)
	}
	return first, end, nil
}
