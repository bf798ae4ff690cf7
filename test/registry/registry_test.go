package registry_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pulltrace/pulltrace/test/registry"
)

func TestTagLeadsToTheLayers(t *testing.T) {
	reg := start(t)
	layers, err := registry.NewLayers(10_000, 20_000)
	if err != nil {
		t.Fatal(err)
	}
	img := push(t, reg, "team/app:1", layers...)

	var index ocispec.Index
	decode(t, fetch(t, manifestURL(img, img.Tag)), &index)
	if got := index.Manifests[1].Digest; got != img.Manifest.Digest {
		t.Errorf("the index leads to manifest %s, want %s", got, img.Manifest.Digest)
	}
	var manifest ocispec.Manifest
	decode(t, fetch(t, manifestURL(img, img.Manifest.Digest.String())), &manifest)
	want := []ocispec.Descriptor{layers[0].Descriptor, layers[1].Descriptor}
	if diff := cmp.Diff(want, manifest.Layers); diff != "" {
		t.Errorf("layers of the manifest (-want +got):\n%s", diff)
	}
	var config ocispec.Image
	decode(t, fetch(t, blobURL(img, manifest.Config.Digest)), &config)
	if diff := cmp.Diff([]digest.Digest{layers[0].DiffID, layers[1].DiffID}, config.RootFS.DiffIDs); diff != "" {
		t.Errorf("diff IDs of the config (-want +got):\n%s", diff)
	}
}

func TestSingleManifestIsTheRoot(t *testing.T) {
	reg := start(t)
	img, err := reg.Push("single:1", nil, registry.SingleManifest())
	if err != nil {
		t.Fatal(err)
	}
	if img.Root.Digest != img.Manifest.Digest || img.Root.MediaType != ocispec.MediaTypeImageManifest {
		t.Errorf("root is %s %s, want the manifest %s", img.Root.MediaType, img.Root.Digest, img.Manifest.Digest)
	}
}

func TestRangesAreHonouredAndCounted(t *testing.T) {
	reg := start(t)
	img := pushSizes(t, reg, "range:1", 300_000)
	url := blobURL(img, img.Layers[0].Digest)
	whole := fetch(t, url)

	req, _ := http.NewRequest(http.MethodGet, url, nil)
	req.Header.Set("Range", "bytes=200000-")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	rest, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusPartialContent || string(rest) != string(whole[200_000:]) {
		t.Errorf("status %d with %d bytes, want 206 with the last 100000", resp.StatusCode, len(rest))
	}
	if got := reg.Served(img.Blobs()...); got != 400_000 {
		t.Errorf("served %d bytes, want 400000", got)
	}
	reqs := reg.Requests()
	if len(reqs) != 2 || reqs[1].Offset != 200_000 || reqs[1].Written != 100_000 || reqs[1].End.Before(reqs[1].Start) {
		t.Errorf("requests recorded: %+v", reqs)
	}
}

func TestRatesHold(t *testing.T) {
	for name, limit := range map[string]func(*registry.Registry, *registry.Image){
		"registry":   func(r *registry.Registry, _ *registry.Image) { r.SetRate(2_000_000) },
		"repository": func(r *registry.Registry, i *registry.Image) { r.SetRepositoryRate(i.Repository, 2_000_000) },
		"digest":     func(r *registry.Registry, i *registry.Image) { r.SetDigestRate(i.Layers[0].Digest, 2_000_000) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := start(t)
			img := pushSizes(t, reg, "rate:1", 2_000_000)
			limit(reg, img)
			begin := time.Now()
			fetch(t, blobURL(img, img.Layers[0].Digest))
			if took := time.Since(begin); took < 950*time.Millisecond || took > 1200*time.Millisecond {
				t.Errorf("2 MB at 2 MB/s took %s", took)
			}
		})
	}
}

func TestRateChangesWhileServing(t *testing.T) {
	t.Parallel()
	reg := start(t)
	img := pushSizes(t, reg, "faster:1", 1_000_000)
	reg.SetRate(100_000)
	time.AfterFunc(300*time.Millisecond, func() { reg.SetRate(0) })
	begin := time.Now()
	fetch(t, blobURL(img, img.Layers[0].Digest))
	if took := time.Since(begin); took < 300*time.Millisecond || took > time.Second {
		t.Errorf("with the limit lifted after 300 ms it took %s", took)
	}
}

func TestStallHoldsUntilTheFaultIsGone(t *testing.T) {
	t.Parallel()
	reg := start(t)
	img := pushSizes(t, reg, "stall:1", 1_000_000)
	layer := img.Layers[0].Digest
	reg.SetFaults(layer, registry.StallAt(400_000))

	done := make(chan []byte)
	go func() { done <- fetch(t, blobURL(img, layer)) }()
	time.Sleep(300 * time.Millisecond)
	if got := reg.Served(layer); got != 400_000 {
		t.Errorf("stalled with %d bytes served, want 400000", got)
	}
	reg.SetFaults(layer)
	if got := len(<-done); got != 1_000_000 {
		t.Errorf("got %d bytes in the end, want 1000000", got)
	}
}

func TestCutEndsTheBodyAndRefusesTheRest(t *testing.T) {
	reg := start(t)
	img := pushSizes(t, reg, "cut:1", 1_000_000)
	layer := img.Layers[0].Digest
	reg.SetFaults(layer, registry.CutAt(400_000))

	resp, err := http.Get(blobURL(img, layer))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(body) != 400_000 {
		t.Errorf("got %d bytes and error %v, want 400000 and an unexpected EOF", len(body), err)
	}
	req, _ := http.NewRequest(http.MethodGet, blobURL(img, layer), nil)
	req.Header.Set("Range", "bytes=400000-")
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close()
		t.Errorf("the rest was answered with %s", resp.Status)
	}
}

func TestDelayAndStatus(t *testing.T) {
	reg := start(t)
	img := pushSizes(t, reg, "status:1", 10_000)
	reg.SetFaults(img.Root.Digest, registry.Delay(200*time.Millisecond), registry.Status(http.StatusTooManyRequests))
	begin := time.Now()
	resp, err := http.Get(manifestURL(img, img.Tag))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if took := time.Since(begin); resp.StatusCode != http.StatusTooManyRequests || took < 200*time.Millisecond {
		t.Errorf("status %d after %s, want 429 after 200 ms", resp.StatusCode, took)
	}
}

func start(t *testing.T) *registry.Registry {
	t.Helper()
	reg, err := registry.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reg.Close() })
	return reg
}

func push(t *testing.T, reg *registry.Registry, name string, layers ...*registry.Layer) *registry.Image {
	t.Helper()
	img, err := reg.Push(name, layers)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func pushSizes(t *testing.T, reg *registry.Registry, name string, sizes ...int64) *registry.Image {
	t.Helper()
	layers, err := registry.NewLayers(sizes...)
	if err != nil {
		t.Fatal(err)
	}
	return push(t, reg, name, layers...)
}

func fetch(t *testing.T, url string) []byte {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("GET %s: %s, %v", url, resp.Status, err)
	}
	return body
}

func decode(t *testing.T, data []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

func manifestURL(img *registry.Image, reference string) string {
	return "http://" + img.Host + "/v2/" + img.Repository + "/manifests/" + reference
}

func blobURL(img *registry.Image, dgst digest.Digest) string {
	return "http://" + img.Host + "/v2/" + img.Repository + "/blobs/" + dgst.String()
}
