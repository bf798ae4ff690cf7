package kubernetes

import (
	"strings"
	"testing"

	"github.com/distribution/reference"

	"github.com/pulltrace/pulltrace/collector/pull"
)

func TestReference(t *testing.T) {
	const digest = "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
	for image, want := range map[string]pull.Reference{
		"nginx":                              {Name: "docker.io/library/nginx", Tag: "latest"},
		"nginx:1.27":                         {Name: "docker.io/library/nginx", Tag: "1.27"},
		"team/app":                           {Name: "docker.io/team/app", Tag: "latest"},
		"index.docker.io/team/app:1":         {Name: "docker.io/team/app", Tag: "1"},
		"localhost/app:1":                    {Name: "localhost/app", Tag: "1"},
		"registry.example:5000/team/app":     {Name: "registry.example:5000/team/app", Tag: "latest"},
		"registry.example:5000/team/app:1":   {Name: "registry.example:5000/team/app", Tag: "1"},
		"[::1]:5000/app:1":                   {Name: "[::1]:5000/app", Tag: "1"},
		"nginx@" + digest:                    {Name: "docker.io/library/nginx", Digest: digest},
		"registry.example/a/b:1@" + digest:   {Name: "registry.example/a/b", Tag: "1", Digest: digest},
		"registry.example/a/b/c/d:v1.2.3-rc": {Name: "registry.example/a/b/c/d", Tag: "v1.2.3-rc"},
	} {
		got, ok := referenceOf(image)
		if !ok || got != want {
			t.Errorf("%s is %+v, %t, want %+v", image, got, ok, want)
		}
		// What containerd calls it, by the same library: with a digest, without the tag.
		full, err := reference.ParseDockerRef(image)
		if err != nil || full.Name() != got.Name {
			t.Errorf("containerd calls %s %v, %v", image, full, err)
		}
		if tagged, ok := full.(reference.Tagged); ok && tagged.Tag() != got.Tag {
			t.Errorf("containerd tags %s %q, not %q", image, tagged.Tag(), got.Tag)
		}
	}
	for _, image := range []string{"", " ", "Nginx", "nginx:", "nginx@sha256:12", "a b", ":1", "http://a/b", strings.Repeat("a", 300), strings.Repeat("0a", 32)} {
		if got, ok := referenceOf(image); ok {
			t.Errorf("%q is %+v, want no reference", image, got)
		}
	}
}
