//go:build linux

package kubernetes

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/pulltrace/pulltrace/test/registry"
)

// pulled is what the kubelet says of a pull that went well.
type pulled struct {
	ref    string        // the image as the pod asks for it
	alone  time.Duration // the call to containerd
	waited time.Duration // for its turn, before that
}

// "Successfully pulled image "…" in 3.1s (6.2s including waiting). Image size: … bytes."
var pulledMessage = regexp.MustCompile(`^Successfully pulled image "(.+)" in (\S+) \((\S+) including waiting\)`)

// pulledBy waits for what the kubelet says of the image of a pod. It says something
// else where the image was there already, and that is no answer.
func (c *cluster) pulledBy(pod *corev1.Pod, ref string) (p pulled) {
	c.Helper()
	c.waitFor("an event of the pull of "+ref, func() error {
		for _, e := range c.events(pod, "Pulled") {
			parts := pulledMessage.FindStringSubmatch(e.Message)
			if parts == nil || parts[1] != ref {
				continue
			}
			alone, err := time.ParseDuration(parts[2])
			if err != nil {
				return err
			}
			whole, err := time.ParseDuration(parts[3])
			p = pulled{ref, alone, whole - alone}
			return err
		}
		return fmt.Errorf("there is none")
	})
	return p
}

// refusals waits for the kubelet to have said count times that an attempt to pull a
// pod's image has failed, and returns how often it has.
func (c *cluster) refusals(pod *corev1.Pod, img string, count int) (refusals int) {
	c.Helper()
	failed := regexp.MustCompile(`^Failed to pull image "` + regexp.QuoteMeta(img) + `"`)
	c.waitFor("the kubelet to fail", func() error {
		refusals = 0
		for _, e := range c.events(pod, "Failed") {
			if failed.MatchString(e.Message) {
				refusals += int(max(e.Count, 1))
			}
		}
		if refusals < count {
			return fmt.Errorf("it has failed %d times", refusals)
		}
		return nil
	})
	return refusals
}

// registryName is how metrics name the registry: its host without the port.
func (c *cluster) registryName() string { return registryOf(c.Registry.Host()) }

func registryOf(image string) string {
	host, _, _ := strings.Cut(image, "/")
	host, _, _ = strings.Cut(host, ":")
	return host
}

// served is how many bytes of config and layers the registry has served of images.
func (c *cluster) served(img *registry.Image) (bytes int64) {
	for _, req := range c.Registry.Requests() {
		if req.Blob && req.Repository == img.Repository {
			bytes += req.Written
		}
	}
	return bytes
}
