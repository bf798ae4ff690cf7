//go:build linux

package kubernetes

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pulltrace/pulltrace/test/kubernetes/node"
)

// The node is ready, and its kubelet can be replaced by one that pulls in another way.
func TestKubeletIsReplaced(t *testing.T) {
	n := node.Get(t)
	for _, pulls := range []node.Pulls{{Serial: true}, {Max: 2}} {
		if err := n.RestartKubelet(t.Context(), pulls); err != nil {
			t.Fatalf("a kubelet of %+v: %v", pulls, err)
		}
	}
	nodes, err := n.Client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil || len(nodes.Items) != 1 || nodes.Items[0].Name != node.Name {
		t.Errorf("the nodes are %v, %v", nodes, err)
	}
}
