package main

import (
	"slices"
	"strings"

	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel/attribute"
	standard "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/pulltrace/pulltrace/semconv"
)

// Labels in Prometheus.
var (
	k8sNode       = label(standard.K8SNodeNameKey)
	host          = label(standard.HostNameKey) // where there is no Kubernetes
	registry      = label(semconv.RegistryKey)
	namespace     = label(semconv.NamespaceKey)
	image         = label(standard.ContainerImageNameKey)
	digest        = label(standard.OCIManifestDigestKey)
	tag           = label(semconv.ImageTagKey)
	layerIndex    = label(semconv.LayerIndexKey)
	layerDigest   = label(semconv.LayerDigestKey)
	phase         = label(semconv.PhaseKey)
	outcome       = label(semconv.OutcomeKey)
	errorType     = label(standard.ErrorTypeKey)
	signal        = label(semconv.ExportSignalKey)
	podNamespace  = label(standard.K8SNamespaceNameKey)
	pod           = label(standard.K8SPodNameKey)
	container     = label(standard.K8SContainerNameKey)
	volume        = label(standard.K8SVolumeNameKey)
	version       = label(standard.ServiceVersionKey)
	runtime       = label(standard.ContainerRuntimeVersionKey)
	clusterOfOTel = label(standard.K8SClusterNameKey)
)

// clusterOfOthers is the label that most who write to Prometheus give to a cluster.
const clusterOfOthers = "cluster"

// label returns the name that Prometheus gives to an attribute.
func label(key attribute.Key) string {
	name, err := (&otlptranslator.LabelNamer{}).Build(string(key))
	if err != nil {
		panic(err) // it is a constant
	}
	return name
}

// name returns the name that Prometheus gives to a metric, of a histogram that of all
// its series, without suffix.
func name(m semconv.Metric) string {
	name, err := promNamer.Build(otlptranslator.Metric{Name: m.Name, Unit: m.Unit, Type: promTypes[m.Instrument]})
	if err != nil {
		panic(err) // it is a constant
	}
	return name
}

var (
	promNamer = otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	promTypes = map[semconv.Instrument]otlptranslator.MetricType{
		semconv.Gauge:         otlptranslator.MetricTypeGauge,
		semconv.UpDownCounter: otlptranslator.MetricTypeNonMonotonicCounter,
		semconv.Counter:       otlptranslator.MetricTypeMonotonicCounter,
		semconv.Histogram:     otlptranslator.MetricTypeHistogram,
	}
)

// nodeLabels tell nodes apart. A series has one of k8sNode and host.
var nodeLabels = []string{clusterLabel, k8sNode, host}

// imageLabels tell apart the images that are being pulled.
var imageLabels = slices.Concat(nodeLabels, []string{registry, namespace, image, digest})

// is returns a matcher.
func is(label, value string) string { return label + `="` + value + `"` }

// has returns a matcher for an attribute's value.
func has(kv attribute.KeyValue) string { return is(label(kv.Key), kv.Value.AsString()) }

// list returns labels as they stand in `by ()`.
func list(labels ...string) string { return strings.Join(labels, ", ") }
