package conventions

import (
	"slices"
	"strings"
)

// fromKubernetes is what nothing but Kubernetes tells. Why a pull failed is part of it,
// but not why a poll did.
var fromKubernetes = []string{
	"k8s.namespace.name", "k8s.pod.name", "k8s.pod.uid", "k8s.container.name", "k8s.volume.name",
	"pulltrace.kubernetes.up", "pulltrace.image.pod.count", "pulltrace.image.tag",
	"pulltrace.pull.pods", "pulltrace.pull.refused", "pulltrace.pull.queue.duration", "pulltrace.pull.time.queue",
	"pulltrace.estimated=pull.pods",
}

func ofKubernetes(what string) bool {
	if signal, reason, found := strings.Cut(what, "error.type="); found {
		return reason != "_OTHER" && reason != "abandoned" && !strings.Contains(signal, "pulltrace.source.") || strings.Contains(signal, "pulltrace.pull.refused")
	}
	return slices.ContainsFunc(fromKubernetes, func(name string) bool { return strings.Contains(what, name) })
}
