package judge

import (
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/platforms"

	"github.com/pulltrace/pulltrace/collector/limits"
)

// What comes from outside may say anything: it must not panic, and what is taken
// from it must be what it claims to be.

func FuzzRefDigest(f *testing.F) {
	f.Add("layer-sha256:" + encoded)
	f.Add("manifest-team/app:v1@sha256:" + encoded)
	f.Add("extract-1 sha256:" + encoded)
	f.Fuzz(func(t *testing.T, ref string) {
		if kind, d, ok := refDigest(ref); ok && (d.Validate() != nil || !strings.HasPrefix(ref, kind+"-")) {
			t.Errorf("refDigest(%q) = %q, %q", ref, kind, d)
		}
		if d, ok := ChainOfKey(ref); ok && d.Validate() != nil {
			t.Errorf("ChainOfKey(%q) = %q", ref, d)
		}
	})
}

func FuzzImageName(f *testing.F) {
	f.Add("docker.io/library/nginx:1.27", "docker.io", "library/nginx")
	f.Add("[::1]:5000/app@sha256:"+encoded, "::1", "app")
	f.Fuzz(func(t *testing.T, name, host, repository string) {
		if i := ImageName(name); (i.Name == "") != (i.Registry == "") {
			t.Errorf("ImageName(%q) = %+v", name, i)
		}
		labels := map[string]string{"containerd.io/distribution.source." + host: repository}
		if i := sourceName(labels); i.Name != "" && (i.Registry != host || !strings.HasSuffix(i.Name, "/"+repository)) {
			t.Errorf("sourceName(%q) = %+v", labels, i)
		}
	})
}

func FuzzLabels(f *testing.F) {
	f.Add("containerd.io/gc.ref.content.l.0", "sha256:"+encoded)
	f.Add("containerd.io/gc.ref.content.config", "no digest")
	f.Add("containerd.io/gc.ref.snapshot.overlayfs", "sha256:"+encoded)
	f.Add("containerd.io/distribution.source.", ",")
	f.Fuzz(func(t *testing.T, key, value string) {
		labels := map[string]string{key: value}
		for _, d := range children(labels) {
			if d.Validate() != nil {
				t.Errorf("label %q = %q refers to %q", key, value, d)
			}
		}
		if name := snapshotterOf(labels); !strings.HasSuffix(key, name) {
			t.Errorf("label %q is of snapshotter %q", key, name)
		}
		if i := sourceName(labels); i.Name != "" && !fromRegistry(labels) {
			t.Errorf("label %q = %q names %q and is from no registry", key, value, i.Name)
		}
	})
}

func FuzzParseDocument(f *testing.F) {
	f.Add([]byte(`{"manifests":[{"digest":"sha256:` + encoded + `","size":1}]}`))
	f.Add([]byte(`{"config":{"digest":"sha256:` + encoded + `","size":1},"layers":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		doc, err := parseDocument(b)
		if err != nil {
			return
		}
		m := doc.manifest()
		if m == nil {
			return
		}
		for _, d := range append(m.Layers, m.Config) {
			if d.Size < 0 || d.Size > limits.ImageBytes || d.Digest.Validate() != nil {
				t.Errorf("accepted %+v", d)
			}
		}
	})
}

func FuzzParseChainIDs(f *testing.F) {
	f.Add([]byte(`{"rootfs":{"diff_ids":["sha256:` + encoded + `"]}}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		ids, _, err := parseChainIDs(b)
		if err != nil {
			return
		}
		for _, id := range ids {
			if id.Validate() != nil {
				t.Errorf("chain ID %q", id)
			}
		}
	})
}

func FuzzLeaseResources(f *testing.F) {
	f.Add("content", "sha256:"+encoded)
	f.Add("ingests", "layer-sha256:"+encoded)
	f.Add("snapshots/overlayfs", "extract-1-a sha256:"+encoded)
	f.Add("snapshots/", "sha256:"+encoded)
	f.Fuzz(func(t *testing.T, kind, id string) {
		n := NewNamespace("k8s.io", platforms.Default(), time.Now())
		look := n.Look(Listing{Now: time.Now(), Leases: []Listed{{
			Lease:     leases.Lease{ID: "a", CreatedAt: time.Now()},
			Resources: []leases.Resource{{Type: kind, ID: id}},
		}}})
		answerNothing(look)
		readings, _ := look.Readings()
		for _, r := range readings {
			if r.Image.Root.Validate() != nil {
				t.Errorf("root %q of %q %q", r.Image.Root, kind, id)
			}
		}
	})
}

// answerNothing answers all wants of a look with nothing.
func answerNothing(k *Look) {
	for wants := k.Wants(); len(wants) > 0; wants = k.Wants() {
		for _, w := range wants {
			k.Take(w, Answer{})
		}
	}
}
