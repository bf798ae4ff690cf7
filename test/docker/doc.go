// Package docker holds the suite that runs the pulltrace binary beside a real Docker
// Engine, whose images lie in a real containerd, and beside BuildKit. It has Docker do
// what its command line would ask for, and compares what arrives at an OTLP receiver with
// what is true: the client's own clock, and the bytes the registry served.
//
// Each test has a containerd, a Docker Engine and a registry of its own, see node.
package docker
