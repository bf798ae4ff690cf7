package registry

import (
	"archive/tar"
	"compress/gzip"
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// MinLayerSize is the size in bytes of the smallest layer that can be made.
const MinLayerSize = 2 << 10

// Layer is a gzipped tar that holds one file of random content, or many empty
// ones. The embedded
// descriptor is the one that stands in the manifest.
type Layer struct {
	ocispec.Descriptor
	// DiffID is the digest of the uncompressed tar.
	DiffID digest.Digest

	seed     [32]byte // all the content follows from it
	fileSize int64
	files    int // further, empty ones
	padding  int // length of the gzip header's extra field, which makes Size exact
}

// NewLayer makes a layer whose compressed blob has exactly size bytes.
func NewLayer(size int64) (*Layer, error) {
	if size < MinLayerSize {
		return nil, fmt.Errorf("a layer of %d bytes cannot be made: the smallest has %d", size, MinLayerSize)
	}
	l := &Layer{Descriptor: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip, Size: size}}
	crand.Read(l.seed[:])

	// The frame around the content (tar header and end, gzip header, 5 bytes for
	// each stored block of 65535) comes in steps; what it leaves open is padding.
	l.fileSize = max(0, size-4096-5*(size/65535))
	framed, err := l.measure()
	if err != nil {
		return nil, fmt.Errorf("measuring a layer of %d bytes: %w", size, err)
	}
	l.padding = int(size - framed - 2) // the field's length takes 2 bytes

	blob, diff := digest.Canonical.Digester(), digest.Canonical.Digester()
	if err := l.write(blob.Hash(), diff.Hash()); err != nil {
		return nil, fmt.Errorf("making a layer of %d bytes: %w", size, err)
	}
	l.Digest, l.DiffID = blob.Digest(), diff.Digest()
	return l, nil
}

// NewLayerOfFiles makes a layer of so many empty files, whose size is what it
// comes to: it is fetched in no time and takes its time to unpack.
func NewLayerOfFiles(files int) (*Layer, error) {
	l := &Layer{Descriptor: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip}, files: files}
	crand.Read(l.seed[:])
	blob, diff := digest.Canonical.Digester(), digest.Canonical.Digester()
	var size counter
	if err := l.write(io.MultiWriter(blob.Hash(), &size), diff.Hash()); err != nil {
		return nil, fmt.Errorf("making a layer of %d files: %w", files, err)
	}
	l.Digest, l.DiffID, l.Size = blob.Digest(), diff.Digest(), int64(size)
	return l, nil
}

// NewLayers makes a layer of each size, in order.
func NewLayers(sizes ...int64) ([]*Layer, error) {
	layers := make([]*Layer, len(sizes))
	for i, size := range sizes {
		l, err := NewLayer(size)
		if err != nil {
			return nil, err
		}
		layers[i] = l
	}
	return layers, nil
}

// open reads the compressed blob from its start.
func (l *Layer) open() io.ReadCloser {
	r, w := io.Pipe()
	go func() { w.CloseWithError(l.write(w, io.Discard)) }()
	return r
}

// measure returns the blob's size as it is with the padding set so far.
func (l *Layer) measure() (int64, error) {
	var n counter
	err := l.write(&n, io.Discard)
	return int64(n), err
}

// write writes the compressed blob to blob, and the tar inside it to diff.
// Random content does not compress, so gzip is asked only to store it.
func (l *Layer) write(blob, diff io.Writer) error {
	level := gzip.NoCompression
	if l.files > 0 {
		level = gzip.BestSpeed
	}
	gz, err := gzip.NewWriterLevel(blob, level)
	if err != nil {
		return err
	}
	gz.Extra = extraField(l.padding)
	tw := tar.NewWriter(io.MultiWriter(gz, diff))
	header := &tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("data-%x", l.seed[:8]), Mode: 0o644, Size: l.fileSize}
	if err := tw.WriteHeader(header); err != nil {
		return err
	}
	if _, err := io.CopyN(tw, rand.NewChaCha8(l.seed), l.fileSize); err != nil {
		return err
	}
	for i := range l.files {
		empty := &tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("empty-%x/%d", l.seed[:8], i), Mode: 0o644}
		if err := tw.WriteHeader(empty); err != nil {
			return err
		}
	}
	if err := tw.Close(); err != nil {
		return err
	}
	return gz.Close()
}

// extraField returns n bytes for a gzip header to carry: none, or one subfield
// of zeros.
func extraField(n int) []byte {
	if n == 0 {
		return nil
	}
	field := make([]byte, n)
	copy(field, "PT")
	binary.LittleEndian.PutUint16(field[2:], uint16(n-4))
	return field
}

// counter is a writer that only counts.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
