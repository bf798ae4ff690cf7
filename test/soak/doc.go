// Package soak holds a run of many pulls on one node while everything goes wrong in turn:
// containerd is killed, stopped, upgraded and slow, its disk is full, the receiver of OTLP
// is away, the clock is set, and Pulltrace itself is killed, stopped and starved. At the end
// of each round the spans that came are held against what the clients and the registry know,
// see the package judge.
//
// Two Pulltraces watch the same containerd. One is killed and started again; the other one
// lives through the whole run, so that its memory, threads and descriptors can be compared.
//
// All choices follow from a seed, which is logged and can be given:
//
//	go test -v -timeout 6h . -args -pulls=10000 -seed=42
package soak
