package export

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// values are good and bad ones of a variable. FILE, CERT, KEY, GARBAGE and
// MISSING stand for files.
type values struct{ good, bad []string }

var (
	durations = values{[]string{"1", "10000"}, []string{"often", "0", "-5", "10s", "1.5", "99999999999999", " 5"}}
	counts    = values{[]string{"1", "512"}, []string{"many", "0", "-1", "1000001"}}
	limits    = values{[]string{"0", "64"}, []string{"few", "-1"}}
	booleans  = values{[]string{"true", "false", "TRUE"}, []string{"yes", "1", " "}}
)

// each is every variable that Pulltrace knows, those of OTLP without what tells
// the signals apart.
var each = map[string]values{
	"OTEL_SDK_DISABLED":                           booleans,
	"OTEL_CONFIG_FILE":                            {[]string{"CONFIG"}, []string{"MISSING", "GARBAGE", "FILE"}},
	"OTEL_RESOURCE_ATTRIBUTES":                    {[]string{"a=b", "k8s.cluster.name=prod, team=x%20y", "a="}, []string{"prod", "a=b,", "=b", "a=%zz"}},
	"OTEL_SERVICE_NAME":                           {[]string{"pulls"}, nil},
	"OTEL_METRICS_EXPORTER":                       {[]string{"otlp", "prometheus", "console", "none", "otlp,prometheus"}, []string{"zipkin", "OTLP", "otlp,none", "otlp,otlp", "otlp,", ","}},
	"OTEL_TRACES_EXPORTER":                        {[]string{"otlp", "console", "none", "otlp,console"}, []string{"prometheus", "jaeger", "none,otlp"}},
	"OTEL_LOGS_EXPORTER":                          {[]string{"otlp", "console", "none"}, []string{"prometheus", "stdout"}},
	"OTEL_TRACES_SAMPLER":                         {[]string{"always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"}, []string{"sometimes", "xray", "0.5"}},
	"OTEL_BSP_SCHEDULE_DELAY":                     durations,
	"OTEL_BSP_EXPORT_TIMEOUT":                     durations,
	"OTEL_BSP_MAX_QUEUE_SIZE":                     counts,
	"OTEL_BSP_MAX_EXPORT_BATCH_SIZE":              counts,
	"OTEL_BLRP_SCHEDULE_DELAY":                    durations,
	"OTEL_BLRP_EXPORT_TIMEOUT":                    durations,
	"OTEL_BLRP_MAX_QUEUE_SIZE":                    counts,
	"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE":             counts,
	"OTEL_METRIC_EXPORT_INTERVAL":                 durations,
	"OTEL_METRIC_EXPORT_TIMEOUT":                  durations,
	"OTEL_METRICS_EXEMPLAR_FILTER":                {[]string{"always_on", "always_off", "trace_based"}, []string{"all"}},
	"OTEL_EXPORTER_PROMETHEUS_HOST":               {[]string{"0.0.0.0", "localhost"}, nil},
	"OTEL_EXPORTER_PROMETHEUS_PORT":               {[]string{"9464", "65535"}, []string{"http", "0", "65536", "-1"}},
	"OTEL_ATTRIBUTE_COUNT_LIMIT":                  limits,
	"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT":             limits,
	"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT":           limits,
	"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT":      limits,
	"OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT":        limits,
	"OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT": limits,

	"OTEL_EXPORTER_OTLP_PROTOCOL": {[]string{"grpc", "http/protobuf"}, []string{"http", "http/json", "GRPC"}},
	"OTEL_EXPORTER_OTLP_ENDPOINT": {
		[]string{"http://localhost:4317", "https://otel.example", "http://[::1]:4318/base"},
		[]string{"localhost:4317", "10.0.0.1:4317", "collector", "unix:///run/otel.sock", "http://", "http://localhost:99999", "http://local host", "://"},
	},
	"OTEL_EXPORTER_OTLP_INSECURE":           {[]string{"true", "TRUE"}, []string{"yes", "false"}}, // the endpoint is http://
	"OTEL_EXPORTER_OTLP_HEADERS":            {[]string{"a=b", "authorization=Bearer%20x, tenant=1", "a="}, []string{"secret", "a=secret,b", "=secret", "a b=secret", "a=secret%zz", "a=secret%0a", "a=secreté", "a!=secret"}},
	"OTEL_EXPORTER_OTLP_COMPRESSION":        {[]string{"gzip", "none"}, []string{"zstd", "GZIP"}},
	"OTEL_EXPORTER_OTLP_TIMEOUT":            durations,
	"OTEL_EXPORTER_OTLP_CERTIFICATE":        {[]string{"CERT"}, []string{"MISSING", "GARBAGE", "KEY"}},
	"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": {[]string{"CERT"}, []string{"MISSING", "GARBAGE", "KEY"}},
	"OTEL_EXPORTER_OTLP_CLIENT_KEY":         {[]string{"KEY"}, []string{"MISSING", "GARBAGE", "CERT"}},

	"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE":        {[]string{"cumulative", "delta", "lowmemory", "Delta"}, []string{"deltas"}},
	"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": {[]string{"explicit_bucket_histogram", "base2_exponential_bucket_histogram"}, []string{"exponential"}},

	"OTEL_TRACES_SAMPLER_ARG": {[]string{"0", "0.25", "1"}, []string{"half", "1.1", "-0.1", "NaN"}},
}

var ofSignal = regexp.MustCompile("^OTEL_EXPORTER_OTLP_(METRICS|TRACES|LOGS)_")

func TestEachVariable(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t)
	cert, key := ca.client(t)
	paths := map[string]string{
		"CERT": cert, "KEY": key, "CONFIG": filepath.Join(dir, "config.yaml"),
		"FILE": filepath.Join(dir, "file"), "GARBAGE": filepath.Join(dir, "garbage"), "MISSING": filepath.Join(dir, "missing"),
	}
	for name, text := range map[string]string{"CONFIG": "file_format: '1.0'\n", "FILE": "text\n", "GARBAGE": "\x00: [\xff"} {
		if err := os.WriteFile(paths[name], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	value := func(v string) string {
		if path := paths[v]; path != "" {
			return path
		}
		return v
	}
	var seen []string
	for _, s := range settings() {
		v, known := each[s.name]
		if !known {
			v, known = each[ofSignal.ReplaceAllString(s.name, "OTEL_EXPORTER_OTLP_")]
		}
		if !known {
			t.Errorf("%s has no values here", s.name)
		}
		seen = append(seen, s.name)
		t.Run(s.name, func(t *testing.T) {
			environment(t, with(s.name, cert, key)...)
			t.Setenv(s.name, "")
			// One of a pair is wrong; any other that is empty is not set.
			if err := Check(); err != nil && !strings.Contains(s.name, "CLIENT_") {
				t.Errorf("empty: %v", err)
			}
			for _, good := range v.good {
				t.Setenv(s.name, value(good))
				if err := Check(); err != nil {
					t.Errorf("%q: %v", good, err)
				}
			}
			for _, bad := range v.bad {
				t.Setenv(s.name, value(bad))
				err := Check()
				if err == nil {
					t.Errorf("%q is taken", bad)
					continue
				}
				if text := err.Error(); !strings.Contains(text, s.name) || !strings.Contains(text, "must be") || strings.Contains(text, "secret") {
					t.Errorf("%q: %v; want the name and what is allowed, and no secret", bad, err)
				}
				if _, err := New(t.Context(), Config{Log: discard}); err == nil {
					t.Errorf("%q: New takes it", bad)
				}
			}
		})
	}
	for name := range each {
		if !slices.Contains(seen, name) {
			t.Errorf("%s is none of the settings", name)
		}
	}
}

// with is what a variable needs beside it to make sense.
func with(name, cert, key string) []string {
	signal := strings.TrimSuffix(ofSignal.FindString(name), "_")
	if signal == "" {
		signal = "OTEL_EXPORTER_OTLP"
	}
	env := []string{"OTEL_LOGS_EXPORTER=otlp"}
	switch {
	case strings.HasSuffix(name, "CERTIFICATE"), strings.HasSuffix(name, "CLIENT_KEY"):
		env = append(env, "OTEL_EXPORTER_OTLP_ENDPOINT=https://localhost:4317")
		if strings.Contains(name, "CLIENT_") {
			env = append(env, signal+"_CLIENT_CERTIFICATE="+cert, signal+"_CLIENT_KEY="+key)
		}
	case name == "OTEL_TRACES_SAMPLER_ARG":
		env = append(env, "OTEL_TRACES_SAMPLER=traceidratio")
	}
	return env
}

// What fits alone does not fit together.
func TestContradictions(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.client(t)
	for want, env := range map[string][]string{
		"OTEL_TRACES_SAMPLER_ARG":                                             {"OTEL_TRACES_SAMPLER_ARG=0.5"},
		"OTEL_TRACES_SAMPLER is neither":                                      {"OTEL_TRACES_SAMPLER=always_on", "OTEL_TRACES_SAMPLER_ARG=0.5"},
		"OTEL_BSP_MAX_EXPORT_BATCH_SIZE":                                      {"OTEL_BSP_MAX_QUEUE_SIZE=10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=11"},
		"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE":                                     {"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE=2049"},
		"OTEL_EXPORTER_OTLP_CERTIFICATE is set":                               {"OTEL_EXPORTER_OTLP_ENDPOINT=http://x:1", "OTEL_EXPORTER_OTLP_CERTIFICATE=" + ca.file},
		"OTEL_EXPORTER_OTLP_ENDPOINT must be a URL that begins with https://": {"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=" + cert, "OTEL_EXPORTER_OTLP_CLIENT_KEY=" + key},
		"OTEL_EXPORTER_OTLP_METRICS_INSECURE must be what":                    {"OTEL_EXPORTER_OTLP_ENDPOINT=https://x:1", "OTEL_EXPORTER_OTLP_METRICS_INSECURE=true"},
		"OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY must both be set": {
			"OTEL_EXPORTER_OTLP_ENDPOINT=https://x:1", "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE=" + cert, "OTEL_EXPORTER_OTLP_CLIENT_KEY=" + key, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=" + cert,
		},
	} {
		environment(t, env...)
		if err := Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", env, err, want)
		}
	}
	// What a signal that is not exported would contradict, does not matter.
	environment(t, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=https://x:1", "OTEL_EXPORTER_OTLP_CERTIFICATE="+ca.file, "OTEL_TRACES_EXPORTER=none")
	if err := Check(); err != nil {
		t.Error(err)
	}
}

// All that is wrong is said at once, and each thing once.
func TestAllErrorsAtOnce(t *testing.T) {
	environment(t, "OTEL_BSP_SCHEDULE_DELAY=x", "OTEL_EXPORTER_OTLP_CERTIFICATE=/none", "OTEL_EXPORTER_OTLP_ENDPOINT=https://x:1")
	err := Check()
	if err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("got %v, want two lines", err)
	}
}

// docs/settings.md names the variables that work, all of them and no others.
func TestDocumentNamesEachVariable(t *testing.T) {
	text, err := os.ReadFile("../../../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	said := make(map[string]bool)
	for _, name := range regexp.MustCompile("OTEL_[A-Z_]+[A-Z]").FindAllString(string(text), -1) {
		said[name] = true
	}
	known := make(map[string]bool)
	for _, s := range settings() {
		known[s.name] = true
		if !said[s.name] && !said[ofSignal.ReplaceAllString(s.name, "OTEL_EXPORTER_OTLP_")] {
			t.Errorf("the document does not name %s", s.name)
		}
	}
	for name := range said {
		if !known[name] {
			t.Errorf("the document names %s, which is no setting", name)
		}
	}
}
