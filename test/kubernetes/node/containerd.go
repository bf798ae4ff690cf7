//go:build linux

package node

import (
	"bytes"
	"context"
	"embed"
	"os"
	"path/filepath"
	"text/template"

	"github.com/pulltrace/pulltrace/test/cri"
	"github.com/pulltrace/pulltrace/test/registry"
)

// Downloads is how many layers containerd fetches at once.
const Downloads = 30

// Rejected is in the name of an image that the node's image verifier says no to.
const Rejected = "/rejected:"

// verifies is the image verifier: containerd runs it for each pull, with the image's name
// among its arguments.
const verifies = `#!/bin/sh
case "$*" in *` + Rejected + `*) echo "not this one"; exit 1 ;; esac
`

//go:embed containerd.toml cni.conflist kubelet.yaml kubeconfig.yaml
var texts embed.FS

var templates = template.Must(template.ParseFS(texts, "*"))

func render(name string, values any) (string, error) {
	var text bytes.Buffer
	err := templates.ExecuteTemplate(&text, name, values)
	return text.String(), err
}

// startContainerd starts containerd and pulls the image that every pod needs for its
// sandbox.
func (n *Node) startContainerd(ctx context.Context) error {
	program, err := registry.NewProgramLayer(filepath.Join(n.bin, "pause"))
	if err != nil {
		return err
	}
	pause, err := n.Registry.Push("pause:1", []*registry.Layer{program}, registry.Entrypoint("/pause"))
	if err != nil {
		return err
	}
	verifier, err := n.write("verifiers/verify", verifies)
	if err != nil {
		return err
	}
	if err := os.Chmod(verifier, 0o755); err != nil {
		return err
	}
	config, err := render("containerd.toml", map[string]any{"Bin": n.bin, "Dir": n.dir, "Pause": pause.Ref(), "Downloads": Downloads, "Verifiers": filepath.Dir(verifier)})
	if err != nil {
		return err
	}
	network, err := render("cni.conflist", nil)
	if err != nil {
		return err
	}
	if _, err := n.write("cni/pods.conflist", network); err != nil {
		return err
	}
	if _, err := n.write("containerd.toml", config); err != nil {
		return err
	}
	if err := n.launchContainerd(ctx); err != nil {
		return err
	}
	client, err := cri.Dial(Socket)
	if err != nil {
		return err
	}
	defer client.Close()
	return client.Pull(ctx, pause.Ref()).Err
}

func (n *Node) launchContainerd(ctx context.Context) (err error) {
	if n.containerd, err = n.launch("containerd", "--config", n.path("containerd.toml")); err != nil {
		return err
	}
	return n.containerd.until("containerd to answer", func() error {
		client, err := cri.Dial(Socket)
		if err != nil {
			return err
		}
		defer client.Close()
		return client.Ready(ctx)
	})
}

// StopContainerd ends containerd. Containers go on.
func (n *Node) StopContainerd() error { return n.containerd.end() }

// StartContainerd starts it again, on a new socket.
func (n *Node) StartContainerd(ctx context.Context) error { return n.launchContainerd(ctx) }
