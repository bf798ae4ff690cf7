//go:build linux

package kubernetes

import (
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pulltrace/pulltrace/test/registry"
)

// call is one of the kubelet's calls to pull an image, as containerd's log tells it.
type call struct{ begun, returned time.Time }

// callOf waits until containerd has told the end of a pull that went well. Before it there may
// be others that did not.
func (c *cluster) callOf(ref string) (pull call) {
	c.Helper()
	c.waitFor("containerd to tell of the pull of "+ref, func() error {
		log, err := os.ReadFile(c.LogPath("containerd"))
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(log)) {
			switch {
			case strings.Contains(line, `msg="PullImage \"`+ref+`\""`):
				pull = call{begun: timeOf(line)}
			case strings.Contains(line, `msg="Pulled image \"`+ref+`\" `):
				pull.returned = timeOf(line)
				return nil
			}
		}
		return errors.New("it does not")
	})
	return pull
}

// timeOf reads the time of a line: time="…" level=…
func timeOf(line string) time.Time {
	_, rest, _ := strings.Cut(line, `time="`)
	text, _, _ := strings.Cut(rest, `"`)
	t, _ := time.Parse(time.RFC3339Nano, text) // zero fails every comparison
	return t
}

// requested is when the registry was first asked for an image during a call, and when the
// last byte of it had gone.
func (c *cluster) requested(img *registry.Image, during call) (first, last time.Time) {
	c.Helper()
	parts := append(img.Blobs(), img.Root.Digest, img.Manifest.Digest)
	for _, req := range c.Registry.Requests() {
		if !slices.Contains(parts, req.Digest) || req.Start.Before(during.begun) || req.Start.After(during.returned) {
			continue
		}
		if first.IsZero() {
			first = req.Start
		}
		if req.Blob && req.End.After(last) {
			last = req.End
		}
	}
	if last.IsZero() {
		c.Fatalf("the registry was not asked for %s during its pull", img.Ref())
	}
	return first, last
}
