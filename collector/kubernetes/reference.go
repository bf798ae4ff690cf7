package kubernetes

import (
	"github.com/distribution/reference"

	"github.com/pulltrace/pulltrace/collector/pull"
)

// referenceOf parses an image as a pod names it. It is not ok where kubelet would
// say InvalidImageName. The name is written as collector/containerd writes that
// of an image record.
func referenceOf(image string) (pull.Reference, bool) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return pull.Reference{}, false
	}
	ref := pull.Reference{Name: named.Name()}
	if tagged, ok := named.(reference.Tagged); ok {
		ref.Tag = tagged.Tag()
	}
	if digested, ok := named.(reference.Digested); ok {
		ref.Digest = digested.Digest()
	}
	if ref.Tag == "" && ref.Digest == "" {
		ref.Tag = "latest" // as kubelet: image_manager.go:424 @v1.37.2
	}
	return ref, true
}
