//go:build linux

package node

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Pulls is how many images a kubelet pulls at once: one after the other, at most Max,
// or as many as there are, where Max is 0.
type Pulls struct {
	Serial bool
	Max    int
}

func (n *Node) startKubelet(ctx context.Context) error { return n.launchKubelet(ctx, Pulls{}) }

// RestartKubelet starts the kubelet again. Containers, and pulls that containerd has
// begun, go on meanwhile.
func (n *Node) RestartKubelet(ctx context.Context, pulls Pulls) error {
	return errors.Join(n.StopKubelet(), n.launchKubelet(ctx, pulls))
}

// StopKubelet leaves the node without one: pods that come are shown by the API alone.
func (n *Node) StopKubelet() error {
	err := n.kubelet.end()
	n.kubelet = nil
	return err
}

func (n *Node) launchKubelet(ctx context.Context, pulls Pulls) error {
	text, err := render("kubelet.yaml", map[string]any{"CgroupRoot": cgroupRoot(n.dir), "CA": n.certificate(), "Pulls": pulls})
	if err != nil {
		return err
	}
	config, err := n.write("kubelet.yaml", text)
	if err != nil {
		return err
	}
	_, last := n.heartbeat(ctx)
	time.Sleep(time.Until(last.Add(time.Second))) // they are told in whole seconds
	n.kubelet, err = n.launch("kubelet", "--config="+config, "--kubeconfig="+n.Kubeconfig(),
		"--hostname-override="+Name, "--node-ip="+Address, "-v=2")
	if err != nil {
		return err
	}
	return n.kubelet.until("the node to be ready", func() error {
		if ready, at := n.heartbeat(ctx); !ready || !at.After(last) {
			return errors.New("the node is not ready")
		}
		return nil
	})
}

// heartbeat is when a kubelet said last whether the node is ready, if one ever did.
func (n *Node) heartbeat(ctx context.Context) (ready bool, at time.Time) {
	node, err := n.Client.CoreV1().Nodes().Get(ctx, Name, metav1.GetOptions{})
	if err != nil {
		return false, time.Time{}
	}
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue, c.LastHeartbeatTime.Time
		}
	}
	return false, time.Time{}
}
