package peers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
)

var (
	nodeLabels     = []string{"k8s_node_name"}
	registryLabels = with(nodeLabels, "pulltrace_registry")
	imageLabels    = with(registryLabels, "container_image_name", "oci_manifest_digest", "pulltrace_containerd_namespace")
	endedLabels    = with(registryLabels, "pulltrace_pull_outcome")
)

func with(labels []string, more ...string) []string { return slices.Concat(labels, more) }

// contract is every name that Pulltrace's metrics have in Prometheus, with its labels.
var contract = map[string][]string{
	"pulltrace_image_downloaded_bytes":          imageLabels,
	"pulltrace_image_size_bytes":                imageLabels,
	"pulltrace_image_cached_bytes":              imageLabels,
	"pulltrace_image_progress_ratio":            imageLabels,
	"pulltrace_image_rate_bytes_per_second":     imageLabels,
	"pulltrace_image_remaining_time_seconds":    imageLabels,
	"pulltrace_image_idle_time_seconds":         imageLabels,
	"pulltrace_image_layer_count":               with(imageLabels, "pulltrace_layer_state"),
	"pulltrace_layer_downloaded_bytes":          with(imageLabels, "pulltrace_layer_digest", "pulltrace_layer_index"),
	"pulltrace_layer_expected_bytes":            with(imageLabels, "pulltrace_layer_digest", "pulltrace_layer_index"),
	"pulltrace_pull_active":                     with(registryLabels, "pulltrace_pull_phase"),
	"pulltrace_pull_stalled":                    registryLabels,
	"pulltrace_pull_stalls_total":               registryLabels,
	durations:                                   endedLabels, // and error_type, see below
	"pulltrace_pull_slot_wait_duration_seconds": endedLabels,
	"pulltrace_pull_resolve_duration_seconds":   endedLabels,
	"pulltrace_pull_download_duration_seconds":  endedLabels,
	"pulltrace_pull_unpack_duration_seconds":    endedLabels,
	"pulltrace_pull_rate_bytes_per_second":      endedLabels,
	"pulltrace_pull_downloaded_bytes":           endedLabels,
	"pulltrace_download_io_bytes_total":         registryLabels,
	"pulltrace_download_wasted_bytes_total":     registryLabels,
	"pulltrace_cache_hit_bytes_total":           registryLabels,
	"pulltrace_source_up":                       nodeLabels,
	"pulltrace_source_events_up":                nodeLabels,
	"pulltrace_source_namespace_unread":         nodeLabels,
	"pulltrace_limit_omitted_total":             with(nodeLabels, "pulltrace_limit_kind"),
	"pulltrace_source_poll_duration_seconds":    nodeLabels,
	"pulltrace_series_count":                    nodeLabels,
	"pulltrace_export_errors_total":             with(nodeLabels, "pulltrace_export_signal"),
	"process_memory_usage_bytes":                nodeLabels,
}

// onlyWithKubernetes are the metrics that come on a Kubernetes node only, see
// test/kubernetes.
var onlyWithKubernetes = []string{
	"pulltrace_image_pod_count", "pulltrace_kubernetes_up", "pulltrace_pull_queue_duration_seconds", "pulltrace_pull_refused_total",
}

// checkLabels holds the names and labels of all that has come, by each way, while an
// image was pulled: no other name, no other label, and none left out.
func (n *node) checkLabels(tr *truth) {
	n.Helper()
	for _, w := range ways {
		got := n.labelsAt(w, tr.moving)
		want := make(map[string][]string)
		for name, labels := range contract {
			want[name] = slices.Sorted(slices.Values(with(w.labels(), labels...)))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			n.Errorf("labels by %s (-want +got):\n%s", w.name, diff)
		}
		n.checkBound(w, tr.ended)
	}
}

// checkBound holds how a bucket's bound is written.
func (n *node) checkBound(w way, at time.Time) {
	n.Helper()
	want := "60" // pushed by OTLP
	if w.scraped() {
		want = "60.0"
	}
	for _, sample := range n.prometheus.Query(fmt.Sprintf("%s_bucket{%s,le=~\"60([.]0)?\"}", durations, w.selector()), at) {
		if got := string(sample.Metric["le"]); got != want {
			n.Errorf("by %s there is le=%q, want %q", w.name, got, want)
		}
	}
}

// scraped tells whether Prometheus fetches what comes by the way.
func (w way) scraped() bool { return w == byScrape || w.via != "" }

// labels are those that a series has of the way it took.
func (w way) labels() []string {
	labels := []string{"instance", "job"}
	if w.scraped() {
		labels = append(labels, "otel_scope_name", "otel_scope_schema_url", "otel_scope_version")
	}
	if w.via != "" {
		labels = append(labels, "via")
	}
	return labels
}

// labelsAt are the labels of each metric, those of a histogram's parts together. A
// failure, and no other outcome, has an error type, which is left out.
func (n *node) labelsAt(w way, at time.Time) map[string][]string {
	n.Helper()
	all := make(map[string][]string)
	for _, sample := range n.prometheus.Query(fmt.Sprintf("{__name__=~%q,%s}", "(pulltrace|process)_.+", w.selector()), at) {
		name := string(sample.Metric["__name__"])
		for _, part := range []string{"_bucket", "_sum", "_count"} {
			if whole := strings.TrimSuffix(name, part); contract[name] == nil && contract[whole] != nil {
				name = whole
			}
		}
		delete(sample.Metric, "__name__")
		delete(sample.Metric, "le")
		failed := sample.Metric["pulltrace_pull_outcome"] == "failure" && name == durations
		if (sample.Metric["error_type"] != "") != failed {
			n.Errorf("by %s there is %s", w.name, sample)
		}
		delete(sample.Metric, "error_type")
		n.addLabels(all, name, sample.Metric)
	}
	return all
}

// addLabels adds the labels of a series, which are those of the others of its metric.
// Only an image whose name is not known yet has none.
func (n *node) addLabels(all map[string][]string, name string, metric model.Metric) {
	n.Helper()
	var labels []string
	for label := range metric {
		labels = append(labels, string(label))
	}
	slices.Sort(labels)
	if metric["oci_manifest_digest"] != "" && metric["container_image_name"] == "" {
		return
	}
	if known, ok := all[name]; ok && !slices.Equal(known, labels) {
		n.Errorf("%s has the labels %v and %v", name, known, labels)
	}
	all[name] = labels
}
