//go:build linux

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulltrace/pulltrace/test/containerd"
	"github.com/pulltrace/pulltrace/test/internal/gobuild"
	"github.com/pulltrace/pulltrace/test/runc"
)

const (
	thisModule  = "github.com/pulltrace/pulltrace/test/kubernetes"
	thisPackage = thisModule + "/node"
	pinned      = "v1.37"
	k8sModule   = "k8s.io/kubernetes"
	etcdModule  = "go.etcd.io/etcd/server/v3"
	plugins     = "github.com/containernetworking/plugins/plugins"
)

// buildAll builds what the node is made of, where that has not been done, and links
// all of it into the folder bin.
func buildAll(ctx context.Context, bin string) error {
	for what, build := range map[string]func(context.Context) (string, error){
		"Kubernetes": Build,
		"containerd": func(ctx context.Context) (string, error) { return containerd.Build(ctx, containerd.Newest) },
	} {
		dir, err := build(ctx)
		if err != nil {
			return fmt.Errorf("building %s: %w", what, err)
		}
		if err := link(dir, bin); err != nil {
			return err
		}
	}
	program, err := runc.Path(ctx)
	if err != nil {
		return err
	}
	if err := os.Symlink(program, filepath.Join(bin, "runc")); err != nil {
		return err
	}
	return gobuild.Build(ctx, "", bin, nil, thisPackage+"/pause", thisModule+"/informer")
}

func link(from, to string) error {
	programs, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, program := range programs {
		if err := os.Symlink(filepath.Join(from, program.Name()), filepath.Join(to, program.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Build returns the folder that holds the programs of Kubernetes, etcd and the plugins
// that give pods a network, and builds them first where that has not been done.
// Several processes may call it at once.
func Build(ctx context.Context) (string, error) {
	here, err := gobuild.Dir(ctx, thisPackage)
	if err != nil {
		return "", fmt.Errorf("finding the pinned Kubernetes: %w", err)
	}
	src := filepath.Join(here, pinned)
	version, err := gobuild.Version(ctx, src, k8sModule)
	if err != nil {
		return "", fmt.Errorf("reading the pinned version of Kubernetes: %w", err)
	}
	return gobuild.Cached("kubernetes", src, version, func(out string) error {
		return errors.Join(
			gobuild.Build(ctx, src, out, []string{"-ldflags", linkFlags(version)},
				k8sModule+"/cmd/kube-apiserver", k8sModule+"/cmd/kube-controller-manager",
				k8sModule+"/cmd/kube-scheduler", k8sModule+"/cmd/kubelet",
				etcdModule, plugins+"/main/loopback", plugins+"/main/ptp", plugins+"/ipam/host-local"),
			os.Rename(filepath.Join(out, "server"), filepath.Join(out, "etcd")))
	})
}

// linkFlags tell the parts of Kubernetes their version, as its own build does: a
// kubelet of no version takes no API server for new enough.
func linkFlags(version string) string {
	minor := strings.Split(version, ".")[1]
	flags := []string{"-s", "-w"}
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		flags = append(flags, "-X", pkg+".gitVersion="+version, "-X", pkg+".gitMajor=1", "-X", pkg+".gitMinor="+minor, "-X", pkg+".gitTreeState=clean")
	}
	return strings.Join(flags, " ")
}
