// Package kubernetes holds what Pulltrace tells of pods against the truth on a real
// node: against what the kubelet's own events say, the status of the pods, and what the
// registry has served. It is a module of its own, since it talks to the API server with
// Kubernetes' own client.
//
// Each test has a namespace, images of its own with random layers, and a Pulltrace with
// the credentials that the chart's role gives it, which runs beside the kubelet on the node. In
// one test the chart itself is installed, and the kubelet runs Pulltrace's image.
package kubernetes
