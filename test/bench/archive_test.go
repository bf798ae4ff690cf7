//go:build linux

package bench

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const layersOfImported = 10

// archive is an OCI layout that is written as a tar.
type archive struct {
	t  *testing.T
	tw *tar.Writer
}

// writeArchive writes an archive of so many images with tiny layers of their own.
func writeArchive(t *testing.T, count int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "images.tar")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	a := archive{t, tar.NewWriter(f)}
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}}
	for i := range count {
		d := a.image(i)
		d.Annotations = map[string]string{
			"io.containerd.image.name": fmt.Sprintf("registry.example/imported-%d:1", i),
			ocispec.AnnotationRefName:  "1",
		}
		index.Manifests = append(index.Manifests, d)
	}
	a.file(ocispec.ImageLayoutFile, a.json(ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion}))
	a.file(ocispec.ImageIndexFile, a.json(index))
	if err := a.tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func (a archive) image(number int) ocispec.Descriptor {
	var config ocispec.Image
	config.Platform = ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH}
	config.RootFS.Type = "layers"
	manifest := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	for i := range layersOfImported {
		blob, diff := a.layer(fmt.Sprintf("file-%d-of-%d", i, number))
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, diff)
		manifest.Layers = append(manifest.Layers, a.blob(ocispec.MediaTypeImageLayerGzip, blob))
	}
	manifest.Config = a.blob(ocispec.MediaTypeImageConfig, a.json(config))
	return a.blob(ocispec.MediaTypeImageManifest, a.json(manifest))
}

// layer is a layer of one file, and the digest of its tar.
func (a archive) layer(name string) (blob []byte, diff digest.Digest) {
	var plain, zipped bytes.Buffer
	tw := tar.NewWriter(&plain)
	a.must(tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(name))}))
	_, err := tw.Write([]byte(name))
	a.must(err)
	a.must(tw.Close())
	zw := gzip.NewWriter(&zipped)
	_, err = zw.Write(plain.Bytes())
	a.must(err)
	a.must(zw.Close())
	return zipped.Bytes(), digest.FromBytes(plain.Bytes())
}

func (a archive) blob(mediaType string, data []byte) ocispec.Descriptor {
	d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	a.file("blobs/"+d.Digest.Algorithm().String()+"/"+d.Digest.Encoded(), data)
	return d
}

func (a archive) file(name string, data []byte) {
	a.must(a.tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data))}))
	_, err := a.tw.Write(data)
	a.must(err)
}

func (a archive) json(v any) []byte {
	data, err := json.Marshal(v)
	a.must(err)
	return data
}

func (a archive) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}
