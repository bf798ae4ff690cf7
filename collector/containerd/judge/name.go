package judge

import (
	"net"
	"strings"

	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/pkg/labels"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// refDigest is the digest of the blob that an ingest is for. It is not ok for
// the ingests that no pull makes: imports, builds and commits have refs of
// other forms, or refs whose digest means something else. A name may stand
// before the digest (remotes.MakeRefKey, handlers.go:80 @v2.4.2).
func refDigest(ref string) (kind string, d digest.Digest, ok bool) {
	kind, rest, found := strings.Cut(ref, "-")
	switch kind {
	case "index", "manifest", "config", "layer", "attestation", "unknown":
	default:
		return "", "", false
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	d, ok = ParseDigest(rest)
	return kind, d, found && ok
}

// ParseDigest takes what is a digest. Containers' snapshots and the blobs of
// other tools may be called anything.
func ParseDigest(s string) (digest.Digest, bool) {
	if isSHA256(s) {
		return digest.Digest(s), true
	}
	d, err := digest.Parse(s)
	return d, err == nil
}

// isSHA256 tells of nearly all digests that they are one. A look parses several for each layer
// that is open, and digest.Parse has a regular expression, which was most of a look.
func isSHA256(s string) bool {
	encoded, is := strings.CutPrefix(s, "sha256:")
	if !is || len(encoded) != 64 {
		return false
	}
	for i := range len(encoded) {
		if c := encoded[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// ImageName parses the name of an image record. The zero Image means that the
// name is no reference to a registry, like the CRI's records by image ID.
func ImageName(name string) pull.Image {
	if IsImageID(name) {
		return pull.Image{}
	}
	named, err := reference.ParseDockerRef(name)
	if err != nil {
		return pull.Image{}
	}
	image := pull.Image{Name: named.Name(), Registry: hostOf(reference.Domain(named))}
	if tagged, ok := named.(reference.Tagged); ok {
		image.Tag = tagged.Tag()
	}
	return image
}

// hostOf is the host of a registry without its port, as the labels have it
// (sourceName): what is told early and late must be the same.
func hostOf(domain string) string {
	if host, _, err := net.SplitHostPort(domain); err == nil {
		return host
	}
	return strings.Trim(domain, "[]")
}

// domainOf is how an image name has a host: an IPv6 address in brackets.
func domainOf(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// IsImageID tells the records that the CRI writes under the digest of the
// config (image_pull.go:206 @v2.4.2).
func IsImageID(name string) bool {
	return strings.HasPrefix(name, string(digest.Canonical)+":")
}

// sourceName is the image name that a blob's containerd.io/distribution.source
// labels tell. They name the host without its port, and no tag. A blob that
// came from several repositories does not tell which one is pulled now.
func sourceName(l map[string]string) pull.Image {
	var image pull.Image
	for key, repos := range l {
		host, ok := strings.CutPrefix(key, labels.LabelDistributionSource+".")
		if !ok {
			continue
		}
		if image.Name != "" || strings.Contains(repos, ",") || repos == "" {
			return pull.Image{}
		}
		image = pull.Image{Name: domainOf(host) + "/" + repos, Registry: host}
	}
	return image
}

// isOf tells whether an image record is of a pull that wrote the labels of its root: they
// have the repository under which it was pulled. A tag of another name, and the record of a
// conversion, are not.
func isOf(image pull.Image, l map[string]string) bool {
	for key, repos := range l {
		host, ok := strings.CutPrefix(key, labels.LabelDistributionSource+".")
		if !ok || host != image.Registry {
			continue
		}
		for repo := range strings.SplitSeq(repos, ",") {
			if _, path, found := strings.Cut(image.Name, "/"); found && path == repo {
				return true
			}
		}
	}
	return false
}

// fromRegistry tells whether a blob has been fetched from a registry.
func fromRegistry(l map[string]string) bool {
	for key := range l {
		if strings.HasPrefix(key, labels.LabelDistributionSource+".") {
			return true
		}
	}
	return false
}

// children are the blobs that an index or manifest refers to, as its labels
// tell (images.ChildGCLabels, mediatypes.go:217 @v2.4.2). Other blobs have no
// such labels, and a manifest gets them only after it was committed.
func children(l map[string]string) []digest.Digest {
	var refs []digest.Digest
	for key, value := range l {
		if d, ok := ParseDigest(value); ok && strings.HasPrefix(key, "containerd.io/gc.ref.content.") {
			refs = append(refs, d)
		}
	}
	return refs
}

// snapshotterOf is the snapshotter that an image was unpacked with, as the labels
// of its config tell in the end (unpacker.go @v2.4.2); empty if there are several.
func snapshotterOf(l map[string]string) (name string) {
	for key := range l {
		sn, ok := strings.CutPrefix(key, "containerd.io/gc.ref.snapshot.")
		switch {
		case !ok:
		case name != "":
			return ""
		default:
			name = sn
		}
	}
	return name
}

// ChainOfKey is the chain ID that an active snapshot will be committed under:
// its key is "extract-<nanos>-<rand> <chainID>" (snapshotter.go:34 @v2.4.2).
func ChainOfKey(key string) (digest.Digest, bool) {
	prefix, id, found := strings.Cut(key, " ")
	if !found || !strings.HasPrefix(prefix, snapshots.UnpackKeyPrefix+"-") {
		return "", false
	}
	return ParseDigest(id)
}
