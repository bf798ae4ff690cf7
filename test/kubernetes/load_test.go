//go:build linux

package kubernetes

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/pulltrace/pulltrace/test/kubernetes/node"
	"github.com/pulltrace/pulltrace/test/pulltrace"
)

const (
	podsOfNode    = 110  // as many as a kubelet runs
	podsOfCluster = 5000 // on other nodes
	updates       = 1000 // of pods of other nodes, while Pulltrace watches
)

// A cluster grows, and what Pulltrace reads of its API does not. The control is an
// informer of all pods. No kubelet runs: the pods are shown by the API alone.
func TestLoadOfTheAPI(t *testing.T) {
	c := newClusterOn(t, node.Get(t))
	if err := c.StopKubelet(); err != nil {
		t.Fatal(err)
	}
	c.process.Stop()
	token := c.newToken(c.account(c.role()))
	own := c.makePods([]string{node.Name}, podsOfNode)
	c.touch(own) // or they would be larger the second time
	alone, aloneControl := c.measure(token, func() { c.touch(own) })
	others := c.makePods(otherNodes(podsOfCluster/podsOfNode+1), podsOfCluster)
	among, amongControl := c.measure(token, func() { c.touch(others[:updates]) })
	c.removePods()

	var table strings.Builder
	tw := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(tw, "\tPulltrace\tinformer of all pods\t\n")
	for _, row := range []struct {
		what         string
		got, control int64
	}{
		{fmt.Sprintf("list of %d pods", podsOfNode), alone.list, aloneControl.list},
		{fmt.Sprintf("%d of them change", podsOfNode), alone.watch, aloneControl.watch},
		{fmt.Sprintf("list among %d pods of other nodes", podsOfCluster), among.list, amongControl.list},
		{fmt.Sprintf("%d of those change", updates), among.watch, amongControl.watch},
		{"resident memory alone", alone.memory, aloneControl.memory},
		{"resident memory among them", among.memory, amongControl.memory},
	} {
		fmt.Fprintf(tw, "%s\t%d KiB\t%d KiB\t\n", row.what, row.got>>10, row.control>>10)
	}
	tw.Flush()
	t.Logf("\n%s", table.String())

	if among.list > 2*alone.list { // while there are 45 times as many pods; compression and frames differ
		t.Errorf("the list has %d bytes, and %d where there are other nodes", alone.list, among.list)
	}
	if perUpdate := among.watch / updates; perUpdate > 10 {
		t.Errorf("%d bytes for each change of a pod of another node", perUpdate)
	}
	if amongControl.list < 10*aloneControl.list || amongControl.watch < 10*among.watch {
		t.Errorf("the control has read no more: %+v, %+v", aloneControl, amongControl)
	}
}

// load is what a program has read of the API and needs, in bytes.
type load struct{ list, watch, memory int64 }

// measure runs Pulltrace and the control at once, until they have listed the pods and
// have seen what changes.
func (c *cluster) measure(token string, change func()) (got, control load) {
	c.Helper()
	ours, theirs := startMeter(c.T), startMeter(c.T)
	process := pulltrace.Start(c.T, pulltrace.Config{
		Socket: node.Socket, Endpoint: c.receiver.Endpoint(),
		Flags: append([]string{"--node-name=" + node.Name}, kubernetesFlags(c.kubeconfigVia(ours.address, "pulltrace", token))...),
	})
	informer := exec.Command(filepath.Join(c.PauseDir(), "informer"), c.kubeconfigVia(theirs.address, "informer", token))
	if err := informer.Start(); err != nil {
		c.Fatal(err)
	}
	c.checkUp(1)
	got.list, control.list = ours.take(true), theirs.take(true)
	change()
	got.watch, control.watch = ours.take(false), theirs.take(true)
	got.memory, control.memory = process.Memory(), pulltrace.MemoryOf(c, informer.Process.Pid)
	process.Stop()
	if err := informer.Process.Kill(); err != nil {
		c.Fatal(err)
	}
	_ = informer.Wait() // it was killed
	return got, control
}

func otherNodes(count int) (names []string) {
	for i := range count {
		names = append(names, fmt.Sprintf("other-%d", i))
	}
	return names
}
