# Go is all that is needed; no part of Pulltrace uses C.
export CGO_ENABLED ?= 0

CODE   := . semconv/reference dashboards/grafana test test/conformance test/peers test/peers/examples test/scale test/rules \
	test/deploy test/docker test/kubernetes test/soak test/bench examples/demo
GOMODS := $(CODE) $(wildcard test/containerd/v*) $(wildcard test/docker/v*) test/peers/collector/otelcol test/peers/prometheus/v3.16 \
	$(wildcard test/deploy/*/v*) test/kubernetes/node/v1.37 test/bench/nodeexporter/v1.12 tools
# What the binary does without; cmd/pulltrace/size_test.go has what each saves. grpcnotrace
# leaves out pages of gRPC that nothing serves: their templates would keep the linker from
# dropping methods that are not used. nethttpomithttp2 leaves out one of two copies of
# HTTP/2: that of x/net is there for client-go. With Go 1.27 there is only one, and the tag
# must go.
TAGS   := grpcnotrace,nethttpomithttp2
LINT   := go tool -modfile=$(CURDIR)/tools/go.mod golangci-lint

.PHONY: help build generate test test-deploy test-rules test-examples test-docker test-kubernetes test-bench test-matrix unit race fuzz e2e soak peers bench bench-dashboards lint fmt demo

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/pulltrace, static and stripped
	go build -trimpath -tags=$(TAGS) -ldflags='-s -w -funcalign=16' -o bin/pulltrace ./cmd/pulltrace

generate: ## semconv/README.md of semconv/registry, the dashboards, and what is made of the chart
	cd semconv/reference && go run .
	cd dashboards/grafana && go run .
	cd test/deploy && go run ./generate

test: unit test-deploy test-rules e2e test-docker peers test-examples test-kubernetes test-bench ## all tests

# Not cached: go cannot see that the chart or the binary has changed.
test-deploy: ## the chart, the plain manifests and the image, which it builds; as root
	cd test/deploy && go test -v -count=1 -timeout 20m $(TESTFLAGS) ./...

test-matrix: ## the e2e tests on every version of containerd; writes docs/matrix.md
	cd test && go run ./matrix ../docs/matrix.md $(TESTFLAGS)

# Two are not cached: go does not see files outside of the module.
unit: ## tests that need nothing but Go
	go test -tags=$(TAGS) $(TESTFLAGS) ./...
	cd semconv/reference && go test -count=1 $(TESTFLAGS) ./...
	cd dashboards/grafana && go test -count=1 $(TESTFLAGS) ./...
	cd examples/demo && go test $(TESTFLAGS) ./...

# Each target for so long; two at a time, each with one worker.
FUZZTIME ?= 1m
fuzz: ## all that is parsed, with random input
	@go test -list '^Fuzz' ./... | awk '/^Fuzz/ {names[n++] = $$1} /^ok/ {while (n > 0) print $$2, names[--n]}' | \
	xargs -P 2 -n 2 sh -c 'go test -v -run "^$$" -fuzz "^$$1\$$" -fuzztime $(FUZZTIME) -parallel 1 $(TESTFLAGS) "$$0"'

race: ## the unit tests under the race detector; needs a C compiler
	CGO_ENABLED=1 go test -race -tags=$(TAGS) $(TESTFLAGS) ./...

# Not cached: go does not see that the rules have changed.
test-rules: ## the alerts, by promtool, which it builds
	cd test/rules && go test -count=1 $(TESTFLAGS) ./...

# One package at a time, and few tests: the suites compare clocks. Three wait more than
# they work, also on two cores.
# Not cached: go cannot see that the binary they build has changed.
e2e: ## tests against real containerds, which they build; as root
	cd test && go test -v -p 1 -parallel 3 -count=1 -timeout 20m $(TESTFLAGS) ./...
	cd test/conformance && go test -v -count=1 -timeout 5m $(TESTFLAGS) ./...

# Five pulls at once, and what goes wrong with them, on a machine that does little else: 10,000
# take some 80 minutes. SEED is that of a run that is to be made again, FAULTS matches the names of those that happen.
PULLS  ?= 10000
SEED   ?= 0
FAULTS ?= .
soak: ## PULLS random pulls (10,000) while random faults come and go; as root
	cd test/soak && go test -count=1 $(TESTFLAGS) ./judge
	cd test/soak && go test -v -count=1 -timeout 8h $(TESTFLAGS) . -args -pulls=$(PULLS) -seed=$(SEED) '-faults=$(FAULTS)'

# What becomes stale is waited for: seven minutes, and the builds before the first time.
peers: ## tests behind a real Collector and Prometheus, which they build; as root
	cd test/peers && go test -v -p 1 -count=1 -timeout 40m $(TESTFLAGS) ./...
	cd test/scale && go test -v -count=1 -timeout 10m $(TESTFLAGS) ./...

# Half an hour, on a machine that does nothing else.
bench: ## what watching a node costs, beside node_exporter; as root; writes docs/performance.md
	cd test/bench && go test -v -count=1 -timeout 90m $(TESTFLAGS) . -args -full -page=../../docs/performance.md

# Long, on a machine that does nothing else: a day of the past is billions of samples.
bench-dashboards: ## the dashboards with 1,000 nodes in Prometheus; writes docs/scale.md
	cd test/scale && go test -v -count=1 -timeout 3h $(TESTFLAGS) . -args -nodes=1000 -past=24h -page=../../docs/scale.md

# Not cached: go does not see that the examples have changed.
test-examples: ## what is in examples/, by the programs that it is for, which it builds; as root
	cd test/peers/examples && go test -v -count=1 -timeout 20m $(TESTFLAGS) ./...

# Few at a time, as in e2e: the suite compares clocks.
test-docker: ## tests beside a real Docker Engine and BuildKit, which they build; as root
	cd test/docker && go test -v -parallel 3 -count=1 -timeout 40m $(TESTFLAGS) ./...

# Tests that run beside others on the node wait for the kubelet more than they compute.
test-kubernetes: ## tests on a real Kubernetes node, which they build; as root
	cd test/kubernetes && go test -v -count=1 -parallel 16 -timeout 40m $(TESTFLAGS) ./...

# The scenes of make bench, in seconds each: that they are what they are to be.
test-bench: ## what make bench measures, in small; as root
	cd test/bench && go test -v -count=1 -timeout 40m $(TESTFLAGS) ./...

lint: ## linters, formats and go.mod files of every module
	@status=0; \
	for dir in $(CODE); do echo "lint $$dir"; (cd $$dir && $(LINT) run ./...) || status=1; done; \
	for dir in $(GOMODS); do echo "tidy $$dir"; (cd $$dir && go mod tidy -diff) || status=1; done; \
	exit $$status

fmt: ## formats every module
	@for dir in $(CODE); do (cd $$dir && $(LINT) fmt ./...) || exit 1; done

demo: ## pulls, progress and traces in this terminal; no root, no containerd
	cd examples/demo && go run .
