// Package scale asks a real Prometheus what the dashboards ask, with the series of many
// nodes in it: as a test of a few nodes in seconds, and of 1,000 by `make bench-dashboards`.
//
// Nothing that Prometheus gets is made up by name. A few nodes are simulated as far as
// their pulls go, in fake time: what is told of them is told by Pulltrace's own reporter,
// SDK and exporter, as requests of OTLP. The other nodes are copies of these, with names of
// their own. Their past is written as blocks of Prometheus' storage, which is the one way
// to have a day of a thousand nodes in minutes; from then on the requests are sent to
// Prometheus' OTLP receiver when their time has come. That the blocks have the very series
// that the receiver makes of the requests is part of the test.
//
// It is a module of its own: with test/conformance it is where both Pulltrace's
// packages and the harness are known.
package scale
