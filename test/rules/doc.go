// Package rules holds the alerts and recording rules in dashboards against what they
// promise: promtool tries each alert with cases in which it must fire and cases in which it
// must not, and every name in them is one that Pulltrace emits.
//
// The cases are the files *.test.yaml. With any promtool:
//
//	promtool test rules *.test.yaml
//
// It is a module of its own, since it reads PromQL with Prometheus' own parser.
package rules
