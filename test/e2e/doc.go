// Package e2e holds the suite that runs the pulltrace binary beside a real
// containerd, pulls real images, and compares what arrives at an OTLP receiver
// with what is true: the CRI call's own clock and error, the manifest, and the
// bytes the registry served. It knows nothing of Pulltrace's own packages.
//
// Each test has a node of its own, see node. However it ends, the calls that
// pulltrace made on containerd during it are held against the allow-list, and
// what it emitted against the registry of names.
package e2e
