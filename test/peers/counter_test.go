package peers

import (
	"context"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
)

// counter keeps how many bytes of each blob the registry had served at any time.
type counter struct {
	stop func()

	mu    sync.Mutex
	times []time.Time
	bytes map[digest.Digest][]int64
}

func (n *node) startCounting(blobs []digest.Digest) *counter {
	ctx, cancel := context.WithCancel(n.Context())
	c := &counter{stop: cancel, bytes: make(map[digest.Digest][]int64)}
	go func() {
		for ctx.Err() == nil {
			c.mu.Lock()
			c.times = append(c.times, time.Now())
			for _, blob := range blobs {
				c.bytes[blob] = append(c.bytes[blob], n.registry.Served(blob))
			}
			c.mu.Unlock()
			time.Sleep(50 * time.Millisecond)
		}
	}()
	return c
}

// at is how many bytes of some blobs had been served at a time, to 50 ms.
func (c *counter) at(t time.Time, blobs ...digest.Digest) (served int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, when := range c.times {
		if when.After(t) {
			break
		}
		served = 0
		for _, blob := range blobs {
			served += c.bytes[blob][i]
		}
	}
	return served
}

// lastByte is when the last byte of a blob had been served that was served before
// a time.
func (c *counter) lastByte(before time.Time, blob digest.Digest) (last time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, when := range c.times[1:] {
		if when.After(before) {
			break
		}
		if c.bytes[blob][i+1] > c.bytes[blob][i] {
			last = when
		}
	}
	return last
}
