package judge

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/pulltrace/pulltrace/collector/pull"
)

const encoded = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestRefDigest(t *testing.T) {
	for ref, want := range map[string]string{ // kind, empty for refs that no pull makes
		"index-sha256:" + encoded:                     "index",
		"manifest-sha256:" + encoded:                  "manifest",
		"config-sha256:" + encoded:                    "config",
		"layer-sha256:" + encoded:                     "layer",
		"layer-team/app:v1@sha256:" + encoded:         "layer",
		"unknown-sha256:" + encoded:                   "unknown",
		"layer-sha256:" + encoded[1:]:                 "",
		"layer-":                                      "",
		"layer":                                       "",
		"":                                            "",
		"tar-layer.tar":                               "",
		"compress-blob-sha256-" + encoded:             "",
		"convert-zstd-from-sha256:" + encoded:         "",
		"1700000000-abcd":                             "",
		"edit-sha256:" + encoded:                      "",
		"some user's own ref sha256:" + encoded + "/": "",
	} {
		kind, d, ok := refDigest(ref)
		if ok != (want != "") || (ok && (kind != want || d != digest.Digest("sha256:"+encoded))) {
			t.Errorf("refDigest(%q) = %q, %q, %t; want kind %q", ref, kind, d, ok, want)
		}
	}
}

func TestSnapshotterOf(t *testing.T) {
	const label = "containerd.io/gc.ref.snapshot."
	for want, labels := range map[string]map[string]string{
		"overlayfs": {label + "overlayfs": encoded, "containerd.io/distribution.source.docker.io": "library/nginx"},
		"":          {label + "overlayfs": encoded, label + "stargz": encoded}, // nobody knows which one this pull took
	} {
		if got := snapshotterOf(labels); got != want {
			t.Errorf("snapshotterOf(%v) = %q, want %q", labels, got, want)
		}
	}
}

func TestImageName(t *testing.T) {
	for name, want := range map[string]pull.Image{
		"docker.io/library/nginx:1.27":                 {Name: "docker.io/library/nginx", Registry: "docker.io", Tag: "1.27"},
		"127.0.0.1:5001/team/app:v1":                   {Name: "127.0.0.1:5001/team/app", Registry: "127.0.0.1", Tag: "v1"},
		"[::1]:5000/app:v1":                            {Name: "[::1]:5000/app", Registry: "::1", Tag: "v1"},
		"ghcr.io/a/b/c@sha256:" + encoded:              {Name: "ghcr.io/a/b/c", Registry: "ghcr.io"},
		"registry.k8s.io/pause:3.10@sha256:" + encoded: {Name: "registry.k8s.io/pause", Registry: "registry.k8s.io"},
		"sha256:" + encoded:                            {},
		"Not A Reference":                              {},
		"":                                             {},
	} {
		if got := ImageName(name); got != want {
			t.Errorf("ImageName(%q) = %+v, want %+v", name, got, want)
		}
	}
}

func TestSourceName(t *testing.T) {
	const source = "containerd.io/distribution.source."
	for name, test := range map[string]struct {
		labels map[string]string
		want   pull.Image
	}{
		"one repository": {
			map[string]string{source + "docker.io": "library/nginx", "containerd.io/gc.ref.content.m.0": "sha256:" + encoded},
			pull.Image{Name: "docker.io/library/nginx", Registry: "docker.io"},
		},
		"an IPv6 host":     {map[string]string{source + "::1": "team/app"}, pull.Image{Name: "[::1]/team/app", Registry: "::1"}},
		"two repositories": {map[string]string{source + "docker.io": "a/x,b/y"}, pull.Image{}},
		"two hosts":        {map[string]string{source + "docker.io": "a/x", source + "ghcr.io": "a/x"}, pull.Image{}},
		"an empty label":   {map[string]string{source + "docker.io": ""}, pull.Image{}},
		"none":             {nil, pull.Image{}},
	} {
		if got := sourceName(test.labels); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestChainOfKey(t *testing.T) {
	for key, want := range map[string]bool{
		"extract-123456-Ab_9 sha256:" + encoded: true,
		"extract-123456-Ab_9":                   false,
		"extract-1 sha256:" + encoded[1:]:       false,
		"a-container's-id":                      false,
		"sha256:" + encoded:                     false,
	} {
		if d, ok := ChainOfKey(key); ok != want || (ok && d != digest.Digest("sha256:"+encoded)) {
			t.Errorf("ChainOfKey(%q) = %q, %t; want %t", key, d, ok, want)
		}
	}
}

// What is a digest is decided as the digests' own package does.
func TestParseDigest(t *testing.T) {
	hex := strings.Repeat("0123456789abcdef", 4)
	for _, s := range []string{
		"sha256:" + hex, "sha512:" + hex + hex, "sha384:" + hex, "sha256:" + hex[1:], "sha256:" + hex + "0",
		"sha256:" + strings.ToUpper(hex), "sha256:" + hex[:63] + "g", "sha256:" + hex[:63] + "/", "sha256:" + hex[:62] + "é",
		"sha256:", "sha256" + hex, "SHA256:" + hex, "md5:" + hex, hex, "", "extract-1 sha256:" + hex,
	} {
		_, err := digest.Parse(s)
		if d, ok := ParseDigest(s); ok != (err == nil) || string(d) != s && ok {
			t.Errorf("ParseDigest(%q) = %q, %t; digest.Parse says %v", s, d, ok, err)
		}
	}
}
