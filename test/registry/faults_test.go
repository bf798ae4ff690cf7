package registry_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/test/registry"
)

func TestStatusForSomeRequests(t *testing.T) {
	reg := start(t)
	img := pushSizes(t, reg, "limited:1", 10_000)
	layer := img.Layers[0].Digest
	reg.SetFaults(layer, registry.Status(http.StatusTooManyRequests), registry.RetryAfter(2*time.Second), registry.Times(2))
	for i, want := range []int{http.StatusTooManyRequests, http.StatusTooManyRequests, http.StatusOK, http.StatusOK} {
		resp, err := http.Get(blobURL(img, layer))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("request %d: status %d, want %d", i, resp.StatusCode, want)
		}
		if after := resp.Header.Get("Retry-After"); (after == "2") != (want != http.StatusOK) {
			t.Errorf("request %d: status %d with Retry-After %q", i, want, after)
		}
	}
}

func TestCorruptBytes(t *testing.T) {
	reg := start(t)
	img := pushSizes(t, reg, "corrupt:1", 10_000)
	layer := img.Layers[0]
	reg.SetFaults(layer.Digest, registry.Corrupt())
	body := fetch(t, blobURL(img, layer.Digest))
	if int64(len(body)) != layer.Size || digest.FromBytes(body) == layer.Digest {
		t.Errorf("got %d bytes with digest %s, want %d with another one", len(body), digest.FromBytes(body), layer.Size)
	}
}

// A request that is held has its answer when the faults are replaced, and not before;
// one of another method has its answer at once.
func TestHeldRequest(t *testing.T) {
	reg := start(t)
	img := pushSizes(t, reg, "held:1", 10_000)
	layer := img.Layers[0].Digest
	reg.SetFaults(layer, registry.Hold(), registry.On(http.MethodHead))
	if body := fetch(t, blobURL(img, layer)); int64(len(body)) != img.Layers[0].Size {
		t.Errorf("a GET had %d bytes while a HEAD would be held", len(body))
	}
	answered := make(chan error, 1)
	go func() {
		resp, err := http.Head(blobURL(img, layer))
		if err == nil {
			resp.Body.Close()
		}
		answered <- err
	}()
	select {
	case err := <-answered:
		t.Fatalf("a HEAD that is held was answered: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	reg.SetFaults(layer)
	if err := <-answered; err != nil {
		t.Errorf("a HEAD that was held ended with %v", err)
	}
}

func TestDelayOfOneMethod(t *testing.T) {
	reg := start(t)
	img := pushSizes(t, reg, "slow-head:1", 10_000)
	layer := img.Layers[0].Digest
	const delay = 300 * time.Millisecond
	reg.SetFaults(layer, registry.Delay(delay), registry.On(http.MethodHead))
	began := time.Now()
	fetch(t, blobURL(img, layer))
	if took := time.Since(began); took >= delay {
		t.Errorf("a GET took %s where only a HEAD is delayed", took)
	}
	began = time.Now()
	resp, err := http.Head(blobURL(img, layer))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if took := time.Since(began); took < delay {
		t.Errorf("a HEAD took %s, want %s at least", took, delay)
	}
}

func TestRangeThatIsIgnored(t *testing.T) {
	reg := start(t)
	img := pushSizes(t, reg, "whole:1", 10_000)
	layer := img.Layers[0]
	reg.SetFaults(layer.Digest, registry.IgnoreRange())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, blobURL(img, layer.Digest), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Range", "bytes=4000-")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Range") != "" || digest.FromBytes(body) != layer.Digest {
		t.Errorf("status %d, Content-Range %q and %d bytes, want 200, none and all %d", resp.StatusCode, resp.Header.Get("Content-Range"), len(body), layer.Size)
	}
	if last := reg.Requests()[0]; last.Offset != 0 || last.Written != layer.Size {
		t.Errorf("the request is recorded as %d bytes from %d on", last.Written, last.Offset)
	}
}
