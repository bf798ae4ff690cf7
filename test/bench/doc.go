// Package bench measures what watching a node costs: Pulltrace beside a real containerd, in
// scenes that a node may be in, and beside it what it is compared with:
//
//   - containerd with nobody who watches it, for what the watching costs containerd;
//   - a bare loop that does nothing but list the open ingests, as often as Pulltrace looks: no
//     progress of pulls is to be had for less;
//   - node_exporter, which nobody thinks about on a node, scraped as it is by default.
//
// All of it runs side by side, in one run on one machine, so that the ratios hold on others. CPU
// time, memory and context switches are the kernel's. What runs in between costs, so the calls
// on containerd's socket are counted on their own, after the rest of a scene.
//
//	go test                                          // seconds, few of everything
//	go test -args -full -page=../../docs/performance.md // make bench
//
// It is a module of its own, since it starts an API server and talks to it.
package bench
