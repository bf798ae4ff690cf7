package registry_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pulltrace/pulltrace/test/registry"
)

func TestLayersHaveTheSizeAskedFor(t *testing.T) {
	reg := start(t)
	for _, size := range []int64{registry.MinLayerSize, 4095, 4096, 4097, 65_535, 100_000, 1 << 20, 8<<20 + 1} {
		layer, err := registry.NewLayer(size)
		if err != nil {
			t.Fatal(err)
		}
		img := push(t, reg, "sizes:1", layer)
		blob := fetch(t, blobURL(img, layer.Digest))
		if int64(len(blob)) != size || layer.Size != size {
			t.Errorf("asked for %d bytes, the descriptor says %d and the blob has %d", size, layer.Size, len(blob))
		}
		if got := digest.FromBytes(blob); got != layer.Digest {
			t.Errorf("%d bytes: blob has digest %s, the descriptor says %s", size, got, layer.Digest)
		}
	}
	if _, err := registry.NewLayer(registry.MinLayerSize - 1); err == nil {
		t.Error("a layer below the smallest size was made")
	}
}

// What a media type says of a blob is true of it.
func TestLayersOfMediaTypes(t *testing.T) {
	reg := start(t)
	for mediaType, decompress := range map[string]func(io.Reader) (io.Reader, error){
		ocispec.MediaTypeImageLayer:     func(r io.Reader) (io.Reader, error) { return r, nil },
		ocispec.MediaTypeImageLayerGzip: func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		ocispec.MediaTypeImageLayerZstd: func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	} {
		layer, err := registry.NewLayerOf(mediaType, 50_000)
		if err != nil {
			t.Fatal(err)
		}
		blob := fetch(t, blobURL(push(t, reg, "types:1", layer), layer.Digest))
		if int64(len(blob)) != layer.Size || digest.FromBytes(blob) != layer.Digest {
			t.Errorf("%s: the blob has %d bytes, the descriptor says %d of %s", mediaType, len(blob), layer.Size, layer.Digest)
		}
		tar, err := decompress(bytes.NewReader(blob))
		if err != nil {
			t.Fatalf("%s: %v", mediaType, err)
		}
		if got, err := digest.FromReader(tar); err != nil || got != layer.DiffID {
			t.Errorf("%s: the tar has digest %s (%v), the layer says %s", mediaType, got, err, layer.DiffID)
		}
	}
}

func TestLayersAreGzippedTars(t *testing.T) {
	reg := start(t)
	layer, err := registry.NewLayer(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	img := push(t, reg, "tar:1", layer)
	resp, err := http.Get(blobURL(img, layer.Digest))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	gz, err := gzip.NewReader(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	diff := digest.Canonical.Digester()
	tr := tar.NewReader(io.TeeReader(gz, diff.Hash()))
	header, err := tr.Next()
	if err != nil {
		t.Fatal(err)
	}
	if header.Size < layer.Size*9/10 {
		t.Errorf("a layer of %d bytes holds a file of only %d", layer.Size, header.Size)
	}
	if _, err := tr.Next(); err != io.EOF {
		t.Errorf("after the one file: %v, want EOF", err)
	}
	if diff.Digest() != layer.DiffID {
		t.Errorf("the tar has digest %s, the layer says %s", diff.Digest(), layer.DiffID)
	}
}
