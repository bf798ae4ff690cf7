package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/registry"
)

// A pull whose manifest the registry refuses leaves nothing that could be told:
// no span is invented, and the pull that goes well afterwards is the only one.
func TestRefusedByTheRegistry(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	process := n.watch("--poll-interval=250ms", "--idle-interval=250ms")
	var images []*registry.Image
	for _, status := range []int{http.StatusNotFound, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusInternalServerError} {
		img := n.push(fmt.Sprintf("refused-%d:1", status), 30_000, 20_000)
		// The second time its lease lives long enough to be seen by a poll.
		n.registry.SetFaults(img.Root.Digest, registry.Status(status))
		n.refuse(img)
		n.registry.SetFaults(img.Root.Digest, registry.Delay(time.Second), registry.Status(status))
		n.refuse(img)
		n.registry.SetFaults(img.Root.Digest)
		images = append(images, img)
	}
	n.onlyTold(process, images...)
}

// An image verifier's no comes before anything is fetched, too.
func TestRefusedByAVerifier(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	no := filepath.Join(dir, "no")
	script := "#!/bin/sh\nsleep 0.5\n! [ -e " + no + " ]\n"
	verifiers := filepath.Join(dir, "verifiers")
	if err := os.Mkdir(verifiers, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{no: "", filepath.Join(verifiers, "verify"): script} {
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	n := newNodeWith(t, containerd.Options{Extra: "[plugins.'io.containerd.image-verifier.v1.bindir']\n  bin_dir = '" + verifiers + "'\n"})
	n.since("2.1", "image verifiers in pulls by CRI")
	process := n.watch("--poll-interval=250ms", "--idle-interval=250ms")
	img := n.push("verified:1", 30_000, 20_000)
	n.refuse(img)
	if err := os.Remove(no); err != nil {
		t.Fatal(err)
	}
	n.onlyTold(process, img)
}

// While a registry takes its time to refuse one image, the record of another one
// is written anew: the refused pull is not taken for a pull of that.
func TestRefusedWhileAnotherIsTagged(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	process := n.watch("--poll-interval=250ms", "--idle-interval=250ms")
	tagged := n.push("tagged:1", 30_000)
	n.pull(tagged)
	n.waitSpans(tagged, 1)

	img := n.push("refused:1", 30_000)
	n.registry.SetFaults(img.Root.Digest, registry.Delay(2*time.Second), registry.Status(http.StatusNotFound))
	refused := n.cri.Start(t.Context(), img.Ref())
	time.Sleep(time.Second)
	n.ctr("k8s.io", "images", "tag", tagged.Ref(), tagged.Name()+":2")
	if p := <-refused; p.Err == nil {
		t.Fatal("the refused pull went well")
	}
	time.Sleep(time.Second)
	process.Stop()
	if spans := n.receiver.Spans("pull image"); len(spans) != 1 {
		t.Errorf("one good pull, one refused and a tag have %d spans:\n%s", len(spans), n.trees(spans))
	}
}

func (n *node) refuse(img *registry.Image) {
	n.Helper()
	if p := n.cri.Pull(n.Context(), img.Ref()); p.Err == nil {
		n.Fatalf("the refused pull of %s went well", img.Ref())
	}
}
