package registry_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/test/registry"
)

func TestTagsAreListed(t *testing.T) {
	reg := start(t)
	img := pushSizes(t, reg, "team/app:2", 10_000)
	if _, err := reg.Tag(img, "team/app:1"); err != nil {
		t.Fatal(err)
	}
	pushSizes(t, reg, "team/application:3", 10_000)
	var got struct{ Tags []string }
	decode(t, fetch(t, "http://"+reg.Host()+"/v2/team/app/tags/list"), &got)
	if diff := cmp.Diff([]string{"1", "2"}, got.Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

// An image that is copied from one registry to another, request by request as a client
// does, is served there.
func TestPushedImageIsServed(t *testing.T) {
	from, to := start(t), start(t)
	img, err := from.Push("app:1", layers(t, 30_000), registry.SingleManifest())
	if err != nil {
		t.Fatal(err)
	}
	if to.Has(img) {
		t.Error("the registry has what nobody has pushed")
	}
	base := "http://" + to.Host() + "/v2/copy/"
	for _, blob := range img.Blobs() {
		data := fetch(t, blobURL(img, blob))
		if got := put(t, base+"blobs/uploads/one?digest="+digest.FromString("other").String(), "", data); got != http.StatusBadRequest {
			t.Errorf("a blob of another digest is answered with %d", got)
		}
		if got := put(t, base+"blobs/uploads/one?digest="+blob.String(), "", data); got != http.StatusCreated {
			t.Errorf("a blob is answered with %d", got)
		}
	}
	manifest := fetch(t, manifestURL(img, img.Tag))
	if got := put(t, base+"manifests/new", img.Manifest.MediaType, manifest); got != http.StatusCreated {
		t.Errorf("the manifest is answered with %d", got)
	}
	if !to.Has(img) {
		t.Error("the registry lacks what was pushed")
	}
	if got := fetch(t, base+"manifests/new"); !bytes.Equal(got, manifest) || !json.Valid(got) {
		t.Errorf("the manifest is served as %s", got)
	}
	copied := *img
	copied.Host, copied.Repository = to.Host(), "copy"
	if got := fetch(t, blobURL(&copied, img.Layers[0].Digest)); digest.FromBytes(got) != img.Layers[0].Digest {
		t.Errorf("the layer is served as %s", digest.FromBytes(got))
	}
}

func layers(t *testing.T, sizes ...int64) []*registry.Layer {
	t.Helper()
	made, err := registry.NewLayers(sizes...)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// put sends a body, and returns the status of the answer.
func put(t *testing.T, url, mediaType string, body []byte) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", mediaType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}
