package main

import (
	"fmt"
	"strings"

	"github.com/pulltrace/pulltrace/semconv"
)

// clusterLabel is the label that tells clusters apart, which a variable finds out.
const clusterLabel = "${cluster_label}"

// What the variables choose. A node has one of k8sNode and host, and lacks the other.
var (
	chosenCluster  = clusterLabel + `=~"$cluster"`
	chosenNode     = k8sNode + `=~"$node|", ` + host + `=~"$node|"`
	chosenRegistry = registry + `=~"$registry"`
	chosenImage    = image + `=~"$image"`
)

// ofNode selects a metric of the chosen nodes.
func ofNode(name string, matchers ...string) string {
	return selector(name, append([]string{chosenCluster, chosenNode}, matchers...))
}

// ofRegistry selects a metric that is told by registry.
func ofRegistry(name string, matchers ...string) string {
	return ofNode(name, append([]string{chosenRegistry}, matchers...)...)
}

// ofImage selects a metric of images that are being pulled.
func ofImage(name string, matchers ...string) string {
	return ofRegistry(name, append([]string{chosenImage}, matchers...)...)
}

func selector(name string, matchers []string) string {
	return name + "{" + strings.Join(matchers, ", ") + "}"
}

// live is what is true now, of series that nobody ends when Pulltrace is killed, see
// docs/prometheus.md.
func live(selector string) string {
	return fmt.Sprintf("(%s and (timestamp(%[1]s) > time() - 30))", selector)
}

// orZero is 0 where a sum has nothing to add up, if there are Pulltraces to tell; else
// there is no answer.
func orZero(sum string) string {
	return sum + "\nor on () 0 * sum(" + live(ofNode(name(semconv.SourceUp))) + ")"
}

// named gives the series of a query a label for what has several: node, of which a
// series has one of two, and image, where the digest stands in for a name that is not
// known.
func named(query string) string {
	return fmt.Sprintf(
		`label_replace(label_replace(label_join(
%s
, "node", "", %q, %q), "image", "$1", %q, "(.*)"), "image", "$1", %q, "(.+)")`,
		query, k8sNode, host, digest, image)
}

// withNode is named for series of nodes.
func withNode(query string) string {
	return fmt.Sprintf(`label_join(%s, "node", "", %q, %q)`, query, k8sNode, host)
}
