// Package dashboards asks every query of every panel of the dashboards, as Grafana asks them,
// of a real Prometheus that real pulls on two nodes have come to:
//
//	node-1: kubelet, containerd -- pulltrace -- OTLP --> Collector -- OTLP --> Prometheus, with rules
//	node-2: containerd -- pulltrace -- /metrics <- scrape --------------------'
//
// and of a second Prometheus that has the same, and no rules. It asks while nothing is being
// pulled, while pulls run, wait and stand still, and afterwards. What panels tell is held
// against the registries' counts, the manifests, the clock of the calls and the kubelet's
// events. It is a package of its own, since it wants a cluster on which nobody else pulls.
package dashboards
