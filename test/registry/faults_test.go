package registry_test

import (
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
