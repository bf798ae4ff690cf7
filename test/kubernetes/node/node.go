//go:build linux

package node

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/pulltrace/pulltrace/test/registry"
)

// Socket is containerd's, where it is by default.
const Socket = "/run/containerd/containerd.sock"

// Node is a cluster of one node, and a registry beside it.
type Node struct {
	// Client talks to the API server as its administrator.
	Client kubernetes.Interface
	// Config is what Client was made of.
	Config *rest.Config
	// Registry is where images are pulled from.
	Registry *registry.Registry

	dir string // all that is written is below it
	bin string // folder of the programs

	containerd, etcd, apiServer, kubelet *process
	others                               []*process
}

// start starts all that there is.
func start(dir string) (*Node, error) {
	n := &Node{dir: dir, bin: filepath.Join(dir, "bin")}
	var err error
	if n.Registry, err = registry.Start(); err != nil {
		return n, err
	}
	for _, step := range []func(context.Context) error{n.startContainerd, n.startControlPlane, n.startKubelet} {
		if err := step(context.Background()); err != nil {
			return n, err
		}
	}
	return n, nil
}

// stop ends what PID 1 would have to kill.
func (n *Node) stop() {
	err := n.kubelet.end()
	for _, p := range append(slices.Clone(n.others), n.apiServer, n.etcd) {
		err = errors.Join(err, p.end())
	}
	_ = errors.Join(err, n.containerd.end(), n.Registry.Close())
}

// PauseDir is the folder on the node that the program pause is in.
func (n *Node) PauseDir() string { return n.bin }

func (n *Node) path(name string) string { return filepath.Join(n.dir, name) }

func (n *Node) logPath(name string) string { return filepath.Join(n.dir, "log", name) }

func (n *Node) write(name, text string) (string, error) {
	path := n.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, []byte(text), 0o600)
}
