package registry

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// MinLayerSize is the size in bytes of the smallest layer that can be made.
const MinLayerSize = 2 << 10

// Layer is a tar that holds one file of random content, many empty ones, or none.
// The embedded descriptor is the one that stands in the manifest; the end of its
// media type tells the compression: gzip, zstd or none.
type Layer struct {
	ocispec.Descriptor
	// DiffID is the digest of the uncompressed tar.
	DiffID digest.Digest

	seed        [32]byte // all the content follows from it
	fileSize    int64    // negative: no such file
	files       int      // further, empty ones
	padding     int      // length of the gzip header's extra field, which makes Size exact
	broken      bool     // the second half of the blob is no gzip
	program     []byte   // a file that can be run, under the name programName
	programName string
}

// NewLayer makes a gzipped layer whose blob has exactly size bytes.
func NewLayer(size int64) (*Layer, error) {
	if size < MinLayerSize {
		return nil, fmt.Errorf("a layer of %d bytes cannot be made: the smallest has %d", size, MinLayerSize)
	}
	l := &Layer{Descriptor: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip}}
	crand.Read(l.seed[:])

	// The frame around the content (tar header and end, gzip header, 5 bytes for
	// each stored block of 65535) comes in steps; what it leaves open is padding.
	l.fileSize = max(0, size-4096-5*(size/65535))
	framed, err := l.measure()
	if err != nil {
		return nil, fmt.Errorf("measuring a layer of %d bytes: %w", size, err)
	}
	l.padding = int(size - framed - 2) // the field's length takes 2 bytes
	return l, l.seal()
}

// NewBrokenLayer makes a layer of size bytes whose digest is right and whose gzip
// is broken in its middle: it can be fetched, and not unpacked.
func NewBrokenLayer(size int64) (*Layer, error) {
	l, err := NewLayer(size)
	if err != nil {
		return nil, err
	}
	l.broken = true
	return l, l.seal()
}

// NewLayerOf makes a layer of a media type, whose file has size bytes.
func NewLayerOf(mediaType string, size int64) (*Layer, error) {
	l := &Layer{Descriptor: ocispec.Descriptor{MediaType: mediaType}, fileSize: size}
	crand.Read(l.seed[:])
	return l, l.seal()
}

// NewEmptyLayer makes a gzipped layer without any file. All of them are the same.
func NewEmptyLayer() (*Layer, error) {
	l := &Layer{Descriptor: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip}, fileSize: -1}
	return l, l.seal()
}

// seal writes the layer once, and takes its digests and size.
func (l *Layer) seal() error {
	var size counter
	blob, diff := digest.Canonical.Digester(), digest.Canonical.Digester()
	if err := l.write(io.MultiWriter(&size, blob.Hash()), diff.Hash()); err != nil {
		return fmt.Errorf("making a layer with %d bytes: %w", l.fileSize, err)
	}
	l.Size, l.Digest, l.DiffID = int64(size), blob.Digest(), diff.Digest()
	return nil
}

// NewLayerOfFiles makes a layer of so many empty files, whose size is what it
// comes to: it is fetched in no time and takes its time to unpack.
func NewLayerOfFiles(files int) (*Layer, error) {
	l := &Layer{Descriptor: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip}, fileSize: -1, files: files}
	crand.Read(l.seed[:])
	return l, l.seal()
}

// NewProgramLayer makes a layer of one file, which can be run: the one at path, in the
// root folder.
func NewProgramLayer(path string) (*Layer, error) {
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	l := &Layer{
		Descriptor: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip}, fileSize: -1,
		program: program, programName: filepath.Base(path),
	}
	return l, l.seal()
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
func (l *Layer) write(blob, diff io.Writer) error {
	if l.broken {
		blob = &breaker{blob, l.Size / 2}
	}
	compressed, err := l.compress(blob)
	if err != nil {
		return err
	}
	tw := tar.NewWriter(io.MultiWriter(compressed, diff))
	if l.fileSize >= 0 {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("data-%x", l.seed[:8]), Mode: 0o644, Size: l.fileSize}
		if err := tw.WriteHeader(header); err != nil {
			return err
		}
		if _, err := io.CopyN(tw, rand.NewChaCha8(l.seed), l.fileSize); err != nil {
			return err
		}
	}
	for i := range l.files {
		empty := &tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("empty-%x/%d", l.seed[:8], i), Mode: 0o644}
		if err := tw.WriteHeader(empty); err != nil {
			return err
		}
	}
	if l.program != nil {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: l.programName, Mode: 0o755, Size: int64(len(l.program))}
		if err := tw.WriteHeader(header); err != nil {
			return err
		}
		if _, err := tw.Write(l.program); err != nil {
			return err
		}
	}
	if err := tw.Close(); err != nil {
		return err
	}
	return compressed.Close()
}

// compress compresses as the media type says. Random content does not compress,
// so gzip is asked only to store it; the headers of many files do.
func (l *Layer) compress(w io.Writer) (io.WriteCloser, error) {
	switch {
	case strings.HasSuffix(l.MediaType, "gzip"):
		level := gzip.NoCompression
		if l.files > 0 {
			level = gzip.BestSpeed
		}
		gz, err := gzip.NewWriterLevel(w, level)
		if err == nil {
			gz.Extra = extraField(l.padding)
		}
		return gz, err
	case strings.HasSuffix(l.MediaType, "zstd"):
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	default:
		return plain{w}, nil
	}
}

// breaker hands on what it is given, and from an offset on zeros in its place.
type breaker struct {
	io.Writer
	left int64 // bytes until then
}

func (b *breaker) Write(p []byte) (int, error) {
	whole := min(b.left, int64(len(p)))
	b.left -= whole
	broken := append(bytes.Clone(p[:whole]), make([]byte, int64(len(p))-whole)...)
	return b.Writer.Write(broken)
}

// plain does not compress.
type plain struct{ io.Writer }

func (plain) Close() error { return nil }

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
