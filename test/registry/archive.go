package registry

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// PushArchive holds the one image of an archive, an OCI layout as a tar, under name, which
// is "repository:tag". It is kept in memory.
func (r *Registry) PushArchive(name, path string) (*Image, error) {
	repository, tag, ok := strings.Cut(name, ":")
	if !ok {
		return nil, fmt.Errorf("pushing image %q: the name has no tag", name)
	}
	files, err := readArchive(path)
	if err != nil {
		return nil, fmt.Errorf("reading the image %s: %w", path, err)
	}
	var layout ocispec.Index
	if err := json.Unmarshal(files[ocispec.ImageIndexFile], &layout); err != nil {
		return nil, fmt.Errorf("reading the image %s: %w", path, err)
	}
	if n := len(layout.Manifests); n != 1 {
		return nil, fmt.Errorf("%s has %d images", path, n)
	}
	a := archive{files: files, registry: r}
	img := &Image{Host: r.Host(), Repository: repository, Tag: tag, Root: layout.Manifests[0]}
	if err := a.hold(img, img.Root); err != nil {
		return nil, fmt.Errorf("pushing image %q: %w", name, err)
	}
	r.tag(repository, tag, img.Root.Digest)
	return img, nil
}

func readArchive(path string) (map[string][]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	files := map[string][]byte{}
	for tr := tar.NewReader(f); ; {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if files[header.Name], err = io.ReadAll(tr); err != nil {
			return nil, err
		}
	}
}

type archive struct {
	files    map[string][]byte
	registry *Registry
}

// blob returns what a descriptor is of, and has the registry hold it.
func (a archive) blob(d ocispec.Descriptor) ([]byte, error) {
	name := ocispec.ImageBlobsDir + "/" + d.Digest.Algorithm().String() + "/" + d.Digest.Encoded()
	data, ok := a.files[name]
	if !ok || digest.FromBytes(data) != d.Digest {
		return nil, fmt.Errorf("the archive lacks %s", name)
	}
	a.registry.put(d.Digest, &content{mediaType: d.MediaType, size: d.Size, open: openBytes(data)})
	return data, nil
}

// hold has the registry hold an index or a manifest, and all below it. What it says of
// the image is of the last manifest.
func (a archive) hold(img *Image, root ocispec.Descriptor) error {
	data, err := a.blob(root)
	if err != nil {
		return err
	}
	if root.MediaType == ocispec.MediaTypeImageIndex {
		var index ocispec.Index
		if err := json.Unmarshal(data, &index); err != nil {
			return err
		}
		for _, d := range index.Manifests {
			if err := a.hold(img, d); err != nil {
				return err
			}
		}
		return nil
	}
	var manifest ocispec.Manifest
	if err := json.Unmarshal(data, &manifest); err != nil {
		return err
	}
	img.Manifest, img.Config, img.Layers = root, manifest.Config, nil
	_, err = a.blob(manifest.Config)
	for _, d := range manifest.Layers {
		_, failed := a.blob(d)
		err = errors.Join(err, failed)
		img.Layers = append(img.Layers, &Layer{Descriptor: d})
	}
	return err
}
