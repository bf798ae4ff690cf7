module github.com/pulltrace/pulltrace/semconv/reference

go 1.26.6

require (
	github.com/prometheus/otlptranslator v1.0.0
	go.yaml.in/yaml/v3 v3.0.5
)

require github.com/google/go-cmp v0.7.0
