// Package examples holds what is in examples/ against the programs that it is for. Each
// file there is found by its content and given to what will read it: the Collector's
// configurations to a real Collector, Prometheus' to promtool, the compose file to
// Compose's own library, values to a real Helm with the chart, manifests to the types of
// Kubernetes. A file that no check knows is a failure. Agent, gateway and Prometheus are
// run as well, with a real Pulltrace before them.
//
// It is a module of its own, for the libraries that this takes.
package examples
