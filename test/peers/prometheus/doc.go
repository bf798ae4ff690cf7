// Package prometheus builds and runs a real Prometheus for tests, and asks it.
//
//	p := prometheus.Start(t, "prometheus.yml", "127.0.0.1:9090")
//	p.Query(`sum(pulltrace_pull_active)`, time.Now())
//
// It is pinned by the module in v3.16, built once, without any service discovery,
// and kept in the user's cache folder.
package prometheus
