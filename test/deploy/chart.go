package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Release and Namespace are those of the plain manifests, and of the installation
// that the documents show.
const (
	Release   = "pulltrace"
	Namespace = "pulltrace"
)

// ChartDir returns the folder of the chart.
func ChartDir(ctx context.Context) (string, error) {
	dir, err := root(ctx)
	return filepath.Join(dir, "deploy", "chart"), err
}

// Template returns the manifests that the chart gives with further arguments of
// helm template, as "--set=clusterName=a".
func Template(ctx context.Context, args ...string) ([]byte, error) {
	chart, err := ChartDir(ctx)
	if err != nil {
		return nil, err
	}
	return helm(ctx, append([]string{"template", Release, chart, "--namespace=" + Namespace}, args...)...)
}

// Lint has Helm look over the chart; a warning is an error, too.
func Lint(ctx context.Context) ([]byte, error) {
	chart, err := ChartDir(ctx)
	if err != nil {
		return nil, err
	}
	return helm(ctx, "lint", "--strict", chart)
}

// Notes returns what Helm says after an installation, without a cluster.
func Notes(ctx context.Context, args ...string) (string, error) {
	chart, err := ChartDir(ctx)
	if err != nil {
		return "", err
	}
	out, err := helm(ctx, append([]string{
		"install", Release, chart, "--namespace=" + Namespace,
		"--dry-run=client", "--hide-secret", "--output=json",
	}, args...)...)
	if err != nil {
		return "", err
	}
	var release struct {
		Info struct {
			Notes string `json:"notes"`
		} `json:"info"`
	}
	if err := json.Unmarshal(out, &release); err != nil {
		return "", fmt.Errorf("reading what helm install printed: %w", err)
	}
	return release.Info.Notes, nil
}

// Install installs the chart in a cluster, by a kubeconfig, into a namespace that there is,
// with further arguments of helm install. It does not wait.
func Install(ctx context.Context, kubeconfig, namespace string, args ...string) error {
	chart, err := ChartDir(ctx)
	if err != nil {
		return err
	}
	_, err = helm(ctx, append([]string{"install", Release, chart, "--kubeconfig=" + kubeconfig, "--namespace=" + namespace}, args...)...)
	return err
}

// Uninstall removes what Install has made.
func Uninstall(ctx context.Context, kubeconfig, namespace string) error {
	_, err := helm(ctx, "uninstall", Release, "--kubeconfig="+kubeconfig, "--namespace="+namespace)
	return err
}

// helm runs Helm apart from what the user has configured.
func helm(ctx context.Context, args ...string) ([]byte, error) {
	bin, err := Helm(ctx)
	if err != nil {
		return nil, err
	}
	home, err := os.MkdirTemp("", "pulltrace-helm-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	return run(exec.CommandContext(ctx, bin, args...), "HELM_CONFIG_HOME="+home, "HELM_CACHE_HOME="+home, "HELM_DATA_HOME="+home)
}

// run returns what a command prints; what it complains of is in the error.
func run(cmd *exec.Cmd, env ...string) ([]byte, error) {
	var stderr bytes.Buffer
	cmd.Env, cmd.Stderr = append(os.Environ(), env...), &stderr
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, stderr.Bytes())
	}
	return out, nil
}
