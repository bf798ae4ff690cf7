package registry_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pulltrace/pulltrace/test/registry"
)

func TestIndexInAnIndex(t *testing.T) {
	reg := start(t)
	for name, platform := range map[string]*ocispec.Platform{
		"with":    {OS: "linux", Architecture: "amd64"},
		"without": nil,
	} {
		img := pushAs(t, reg, name+"-platform:1", registry.Nested(platform))
		var outer, inner ocispec.Index
		decode(t, fetch(t, manifestURL(img, img.Tag)), &outer)
		if len(outer.Manifests) != 1 || outer.Manifests[0].MediaType != ocispec.MediaTypeImageIndex {
			t.Fatalf("%s a platform: the outer index names %+v", name, outer.Manifests)
		}
		if diff := cmp.Diff(platform, outer.Manifests[0].Platform); diff != "" {
			t.Errorf("%s a platform: that of the inner index (-want +got):\n%s", name, diff)
		}
		decode(t, fetch(t, manifestURL(img, outer.Manifests[0].Digest.String())), &inner)
		if got := inner.Manifests[1].Digest; got != img.Manifest.Digest {
			t.Errorf("%s a platform: the inner index leads to manifest %s, want %s", name, got, img.Manifest.Digest)
		}
	}
}

func TestLargeManifest(t *testing.T) {
	reg := start(t)
	img := pushAs(t, reg, "large:1", registry.Annotated(100_000))
	if size := len(fetch(t, manifestURL(img, img.Manifest.Digest.String()))); size < 100_000 || int64(size) != img.Manifest.Size {
		t.Errorf("the manifest has %d bytes, its descriptor says %d", size, img.Manifest.Size)
	}
}

func TestMediaTypeOfTheConfig(t *testing.T) {
	reg := start(t)
	img := pushAs(t, reg, "typed:1", registry.ConfigType("application/octet-stream"))
	var config ocispec.Image
	decode(t, fetch(t, blobURL(img, img.Config.Digest)), &config)
	if img.Config.MediaType != "application/octet-stream" || len(config.RootFS.DiffIDs) != 1 {
		t.Errorf("the config is %s with diff IDs %v", img.Config.MediaType, config.RootFS.DiffIDs)
	}
}

// Layers that only stand in the manifest are different ones, and none is ever served.
func TestClaimedLayers(t *testing.T) {
	reg := start(t)
	img := pushAs(t, reg, "claims:1", registry.Claims(2, 1<<50))
	var manifest ocispec.Manifest
	decode(t, fetch(t, manifestURL(img, img.Manifest.Digest.String())), &manifest)
	if len(manifest.Layers) != 3 || manifest.Layers[1].Digest == manifest.Layers[2].Digest || manifest.Layers[2].Size != 1<<50 {
		t.Fatalf("the manifest has layers %+v", manifest.Layers)
	}
	client := http.Client{Timeout: 200 * time.Millisecond}
	if resp, err := client.Get(blobURL(img, manifest.Layers[1].Digest)); err == nil {
		resp.Body.Close()
		t.Errorf("a layer that only stands in the manifest was answered with %s", resp.Status)
	}
	if asked := reg.Served(manifest.Layers[1].Digest); asked != 0 {
		t.Errorf("%d bytes of it were served", asked)
	}
}

// Layers of zeros are different ones, and each is served in its full length.
func TestLayersOfZeros(t *testing.T) {
	reg := start(t)
	img := pushAs(t, reg, "zeros:1", registry.Zeros(2, 100_000))
	var manifest ocispec.Manifest
	decode(t, fetch(t, manifestURL(img, img.Manifest.Digest.String())), &manifest)
	if len(manifest.Layers) != 3 || manifest.Layers[1].Digest == manifest.Layers[2].Digest {
		t.Fatalf("the manifest has layers %+v", manifest.Layers)
	}
	for _, l := range manifest.Layers[1:] {
		if body := fetch(t, blobURL(img, l.Digest)); !bytes.Equal(body, make([]byte, l.Size)) {
			t.Errorf("%d bytes of %s were served, or not all are zero, want %d", len(body), l.Digest, l.Size)
		}
	}
}

// pushAs pushes an image of one small layer in another form.
func pushAs(t *testing.T, reg *registry.Registry, name string, opts ...registry.ImageOption) *registry.Image {
	t.Helper()
	layers, err := registry.NewLayers(10_000)
	if err != nil {
		t.Fatal(err)
	}
	img, err := reg.Push(name, layers, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return img
}
