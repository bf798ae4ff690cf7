package peers

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
)

// checkDocs asks every query of docs/prometheus.md, each of which has an answer while one
// of the pulls runs, or afterwards, and those of semconv/README.md, which must be ones.
// The names that are told there are those that have come, and those of Kubernetes.
func (n *node) checkDocs(tr *truth) {
	n.Helper()
	for _, query := range n.queries("../../docs/prometheus.md") {
		answers := 0
		for _, at := range []time.Time{tr.standing, tr.moving, tr.ended} {
			answers += len(n.prometheus.Query(query, at))
		}
		if answers == 0 {
			n.Errorf("never an answer to\n%s", query)
		}
	}
	const reference = "../../semconv/README.md"
	for _, query := range n.queries(reference) {
		n.prometheus.Query(strings.ReplaceAll(query, "X", live), tr.ended)
	}
	var told []string
	for _, name := range regexp.MustCompile("(?m)^\\| [a-z]+ \\| \\S+ \\| `([a-z0-9_]+?)(?:_bucket)?`").FindAllStringSubmatch(n.read(reference), -1) {
		told = append(told, name[1])
	}
	slices.Sort(told)
	want := slices.Concat(slices.Collect(maps.Keys(contract)), onlyWithKubernetes)
	slices.Sort(want)
	if diff := cmp.Diff(want, told); diff != "" {
		n.Errorf("names in %s (-in Prometheus +told):\n%s", reference, diff)
	}
}

// queries are the queries of a page. The series of one Pulltrace have come in here by
// three ways, which only the label via tells apart.
func (n *node) queries(path string) (queries []string) {
	n.Helper()
	for _, query := range regexp.MustCompile("(?s)```promql\n(.+?)```").FindAllStringSubmatch(n.read(path), -1) {
		queries = append(queries, strings.Replace(query[1], "on (job, instance)", "on (job, instance, via)", 1))
	}
	if len(queries) == 0 {
		n.Errorf("%s has no query", path)
	}
	return queries
}

func (n *node) read(path string) string {
	n.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		n.Fatal(err)
	}
	return string(text)
}
