package export

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// OpenTelemetry's packages take a wrong value in silence, or tell of it without
// the name of its variable. So all are looked at before the packages read them.

// setting is one environment variable.
type setting struct {
	name string
	// check is given what the variable says. Its error says what is allowed.
	check func(value string) error
}

// Check looks at each variable that is set and not empty. The error names those
// that are wrong, and says what is allowed.
func Check() error {
	var errs []error
	for _, s := range settings() {
		if value := os.Getenv(s.name); value != "" {
			if err := s.check(value); err != nil {
				errs = append(errs, fmt.Errorf("%s %w", s.name, err))
			}
		}
	}
	errs = append(errs, checkSampler(), checkBatch("BSP"), checkBatch("BLRP"))
	for _, signal := range []string{"METRICS", "TRACES", "LOGS"} {
		if os.Getenv(configFile) == "" && slices.Contains(exporters("OTEL_"+signal+"_EXPORTER"), "otlp") {
			errs = append(errs, otlp{signal}.check())
		}
	}
	return errors.Join(unique(errs)...)
}

// settings are all variables that Pulltrace knows.
func settings() []setting {
	all := slices.Concat(sdkSettings, metricSettings, limitSettings)
	for _, prefix := range []string{"", "METRICS_", "TRACES_", "LOGS_"} {
		for _, s := range otlpSettings {
			all = append(all, setting{"OTEL_EXPORTER_OTLP_" + prefix + s.name, s.check})
		}
	}
	return all
}

var sdkSettings = []setting{
	{"OTEL_SDK_DISABLED", oneOf("true", "false")},
	{configFile, checkFile},
	{"OTEL_RESOURCE_ATTRIBUTES", attributes},
	{"OTEL_SERVICE_NAME", anything},
	{"OTEL_METRICS_EXPORTER", listOf("otlp", "prometheus", "console", "none")},
	{"OTEL_TRACES_EXPORTER", listOf("otlp", "console", "none")},
	{"OTEL_LOGS_EXPORTER", listOf("otlp", "console", "none")},
	{"OTEL_TRACES_SAMPLER", oneOf(
		"always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
	)},
	{"OTEL_TRACES_SAMPLER_ARG", ratio},
	{"OTEL_BSP_SCHEDULE_DELAY", duration},
	{"OTEL_BSP_EXPORT_TIMEOUT", duration},
	{"OTEL_BSP_MAX_QUEUE_SIZE", count},
	{"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", count},
	{"OTEL_BLRP_SCHEDULE_DELAY", duration},
	{"OTEL_BLRP_EXPORT_TIMEOUT", duration},
	{"OTEL_BLRP_MAX_QUEUE_SIZE", count},
	{"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", count},
}

var metricSettings = []setting{
	{"OTEL_METRIC_EXPORT_INTERVAL", duration},
	{"OTEL_METRIC_EXPORT_TIMEOUT", duration},
	{"OTEL_METRICS_EXEMPLAR_FILTER", oneOf("always_on", "always_off", "trace_based")},
	{"OTEL_EXPORTER_PROMETHEUS_HOST", anything},
	{"OTEL_EXPORTER_PROMETHEUS_PORT", port},
	{"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", oneOf("cumulative", "delta", "lowmemory")},
	{"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", oneOf("explicit_bucket_histogram", "base2_exponential_bucket_histogram")},
}

// limitSettings bound what one span or log record holds.
var limitSettings = []setting{
	{"OTEL_ATTRIBUTE_COUNT_LIMIT", limit},
	{"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", limit},
	{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", limit},
	{"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", limit},
	{"OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", limit},
	{"OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", limit},
}

// otlpSettings follow OTEL_EXPORTER_OTLP_, and OTEL_EXPORTER_OTLP_METRICS_ and so on.
var otlpSettings = []setting{
	{"PROTOCOL", exactly("grpc", "http/protobuf")},
	{"ENDPOINT", endpoint},
	{"INSECURE", oneOf("true", "false")},
	{"CERTIFICATE", readable},
	{"CLIENT_CERTIFICATE", readable},
	{"CLIENT_KEY", readable},
	{"HEADERS", headers},
	{"COMPRESSION", exactly("gzip", "none")},
	{"TIMEOUT", duration},
}

// checkSampler finds an argument that no sampler would read.
func checkSampler() error {
	sampler := strings.ToLower(os.Getenv("OTEL_TRACES_SAMPLER"))
	if os.Getenv("OTEL_TRACES_SAMPLER_ARG") != "" && !strings.HasSuffix(sampler, "traceidratio") {
		return errors.New("OTEL_TRACES_SAMPLER_ARG is set, but OTEL_TRACES_SAMPLER is neither traceidratio nor parentbased_traceidratio")
	}
	return nil
}

// checkBatch finds a batch that its queue cannot hold.
func checkBatch(processor string) error {
	queue, batch := "OTEL_"+processor+"_MAX_QUEUE_SIZE", "OTEL_"+processor+"_MAX_EXPORT_BATCH_SIZE"
	size := func(name string, otherwise int) int {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
			return n
		}
		return otherwise
	}
	if os.Getenv(batch) != "" && size(batch, 512) > size(queue, 2048) {
		return fmt.Errorf("%s must be at most %s (2048 where that is not set)", batch, queue)
	}
	return nil
}

// unique leaves out what was said before: signals share variables.
func unique(errs []error) []error {
	said := make(map[string]bool)
	return slices.DeleteFunc(errs, func(err error) bool {
		if err == nil || said[err.Error()] {
			return true
		}
		said[err.Error()] = true
		return false
	})
}
