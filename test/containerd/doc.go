// Package containerd builds and runs a real containerd for tests.
//
//	func TestPull(t *testing.T) {
//		daemon := containerd.Start(t) // or skips: it needs Linux and root
//		client, err := cri.Dial(daemon.Socket)
//		…
//		daemon.Stop() // or Kill
//		daemon.Restart()
//	}
//
// Each minor version is pinned by the module in the folder of its name, and
// chosen by Options.Version. The programs are built once from their Go modules
// and kept in the user's cache folder.
//
// Each daemon has root, state, sockets and CNI folders of its own and listens
// on nothing else, so that any number of them run at once and beside one of
// the machine's own. What it leaves in the file system is unmounted and removed
// when the test ends, and its log is shown when the test has failed.
//
// The configuration leaves alone whatever would make the CRI plugin pull by its
// old way instead of the transfer service: max_concurrent_downloads,
// disable_snapshot_annotations, registry mirrors.
package containerd
