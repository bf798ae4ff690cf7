package kubernetes

import (
	"encoding/json"
	"testing"
	"time"
)

// Whatever a pod says, its waiters have an image that can be asked for.
func FuzzPod(f *testing.F) {
	f.Add([]byte(`{"metadata":{"namespace":"shop","name":"web","uid":"1"},"spec":{"containers":[{"name":"c","image":"nginx:1"}],` +
		`"volumes":[{"name":"v","image":{"reference":"v:1"}}]},"status":{"containerStatuses":[{"name":"c","state":` + creating + `}]}}`))
	f.Add([]byte(`{"spec":{"initContainers":[{"name":"i","image":"i@sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}]},` +
		`"status":{"initContainerStatuses":[{"name":"i","state":` + backOff(refused) + `}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p Pod
		if json.Unmarshal(b, &p) != nil {
			return
		}
		for _, w := range waitersOf(&p, time.Time{}) {
			if w.Image.Name == "" || (w.Image.Tag == "" && w.Image.Digest == "") {
				t.Errorf("%s waits for %q", w, w.Image)
			}
		}
	})
}

// A reference that was parsed is one that parses to the same again.
func FuzzReference(f *testing.F) {
	for _, image := range []string{"nginx", "registry.example:5000/a/b:1", "[::1]:5000/a", "a@sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"} {
		f.Add(image)
	}
	f.Fuzz(func(t *testing.T, image string) {
		ref, ok := referenceOf(image)
		if !ok {
			return
		}
		again, ok := referenceOf(ref.String())
		if !ok || again.Name != ref.Name || (ref.Digest == "" && again.Tag != ref.Tag) || again.Digest != ref.Digest {
			t.Errorf("%q is %+v, and that is %+v", image, ref, again)
		}
	})
}
