// Package node runs a real cluster of one node for the tests of a package: etcd, the
// API server, the scheduler and the controllers, a kubelet and a containerd.
//
//	func TestMain(m *testing.M) { os.Exit(node.Main(m, prepare)) }
//
//	func TestPull(t *testing.T) {
//		n := node.Get(t)
//		n.Client                          // of the API, as its administrator
//		n.Socket                          // of containerd
//		n.Registry.Push("team/app:1", …)  // that the node pulls from
//	}
//
// Main builds the programs once and keeps them in the user's cache folder. Then it
// runs the test binary again in namespaces of its own (mounts, network, processes,
// host name), as root, with the node beside it:
//
//	go test ── the test binary, which builds
//	             └─ PID 1: sets the namespaces up, ends and removes all that is left
//	                 └─ the test binary, with the tests
//	                     └─ etcd, kube-apiserver, containerd, kubelet, …
//
// Nothing of it reaches the machine but cgroups below one of its own name, and nothing
// stays: PID 1 sees the end of whoever started it, even by a kill.
package node
