package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/pulltrace/pulltrace/collector"
	"github.com/pulltrace/pulltrace/collector/kubernetes"
)

// The values of --kubernetes.
const (
	kubernetesAuto = "auto"
	kubernetesOn   = "on"
	kubernetesOff  = "off"
)

// kubernetesFlags say whether and how pods are watched.
type kubernetesFlags struct {
	mode       string // auto, on or off; complete leaves on or off
	kubeconfig string
}

// tokenFile is there in a pod that was given access to its cluster.
const tokenFile = "/var/run/secrets/kubernetes.io/serviceaccount/token" //nolint:gosec // a path

// complete checks the flags and decides what auto means. The name of the node must
// be told: that of the host is often another one, and would watch nothing in silence.
func (f *kubernetesFlags) complete(node string) error {
	switch f.mode {
	case kubernetesAuto:
		in, err := inCluster()
		if err != nil {
			return err
		}
		f.mode = kubernetesOff
		if in || f.kubeconfig != "" {
			f.mode = kubernetesOn
		}
	case kubernetesOn, kubernetesOff:
	default:
		return fmt.Errorf("--kubernetes must be auto, on or off, not %q", f.mode)
	}
	if f.mode == kubernetesOn && node == "" {
		return errors.New("--node-name (or K8S_NODE_NAME, from the pod's spec.nodeName) must say whose pods to watch; --kubernetes=off watches none")
	}
	return nil
}

// inCluster tells whether this process runs in a pod that has access to Kubernetes.
func inCluster() (bool, error) {
	if os.Getenv("KUBERNETES_SERVICE_HOST") == "" {
		return false, nil
	}
	_, err := os.Stat(tokenFile)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("--kubernetes=auto: %w", err)
	}
	return true, nil
}

// pods are those of the node, or nil where none are watched.
func (f *kubernetesFlags) pods(node string, log *slog.Logger) (collector.Pods, error) {
	if f.mode != kubernetesOn {
		return nil, nil //nolint:nilnil // as collector.Config has it
	}
	pods, err := kubernetes.New(kubernetes.Config{Node: node, Kubeconfig: f.kubeconfig, Logger: log})
	if err != nil {
		return nil, fmt.Errorf("--kubernetes=on: %w", err)
	}
	return pods, nil
}
