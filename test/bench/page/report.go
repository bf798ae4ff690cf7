// Package page writes docs/performance.md of what was measured. It measures nothing.
package page

import (
	"cmp"
	"slices"
	"time"
)

// Usage is what a program has needed in some time.
type Usage struct {
	Took     time.Duration
	CPU      time.Duration
	Switches int64 // of context
	Resident int64 // bytes, at the end
	Peak     int64 // most of them since the program was started
}

// Core is which part of a core it needed.
func (u Usage) Core() float64 { return ratio(u.CPU.Seconds(), u.Took.Seconds()) }

// SwitchRate is how many context switches a second it had.
func (u Usage) SwitchRate() float64 { return ratio(float64(u.Switches), u.Took.Seconds()) }

// And is the usage of two windows.
func (u Usage) And(other Usage) Usage {
	return Usage{
		Took: u.Took + other.Took, CPU: u.CPU + other.CPU, Switches: u.Switches + other.Switches,
		Resident: max(u.Resident, other.Resident), Peak: max(u.Peak, other.Peak),
	}
}

// Window is what programs have needed while the first one watched containerd.
type Window struct {
	Watcher    Usage // zero where nobody watched
	Containerd Usage
	Exporter   Usage // node_exporter
	Exported   int64 // bytes that came by OTLP

	Count  int           // how many windows it is of
	Lasted time.Duration // what happened in it
}

// And is two windows as one.
func (w Window) And(other Window) Window {
	return Window{
		Watcher: w.Watcher.And(other.Watcher), Containerd: w.Containerd.And(other.Containerd),
		Exporter: w.Exporter.And(other.Exporter), Exported: w.Exported + other.Exported,
		Count: w.Count + other.Count, Lasted: w.Lasted + other.Lasted,
	}
}

// each is the mean of a time over the windows.
func (w Window) each(sum time.Duration) time.Duration { return sum / time.Duration(max(w.Count, 1)) }

// ExportRate is how many bytes a second came by OTLP.
func (w Window) ExportRate() float64 { return ratio(float64(w.Exported), w.Watcher.Took.Seconds()) }

// Calls are those of Pulltrace on containerd's socket.
type Calls struct {
	Count   int
	Took    time.Duration
	Busiest int // in one second
}

// Rate is how many a second there were.
func (c Calls) Rate() float64 { return ratio(float64(c.Count), c.Took.Seconds()) }

// Key names a scene that a goal is about.
type Key string

// The scenes that goals are about.
const (
	Idle       Key = "idle"
	Open       Key = "open" // 100 open layers
	Kubernetes Key = "kubernetes"
)

// Scene is what was measured of one.
type Scene struct {
	Key  Key // empty where no goal is about it
	Name string

	// Event tells that something happens and is over. A state lasts, and nothing changes.
	Event bool
	// Ending tells that pulls end in it.
	Ending bool

	Alone, Loop, Pulltrace Window
	Calls                  Calls
}

// Feature is what Pulltrace needs with another setting.
type Feature struct {
	Name   string
	Window Window
}

// Pair is how long two pulls of the same size took, one after the other.
type Pair struct{ Without, With time.Duration }

// Report is all that the page tells.
type Report struct {
	Facts    [][2]string
	Scenes   []Scene
	Features []Feature // in the scene Open
	FirstSeen,
	Told []time.Duration
	Pairs []Pair
}

// scene is the one that a goal is about; empty where it was not played.
func (r *Report) scene(key Key) Scene {
	for _, s := range r.Scenes {
		if s.Key == key {
			return s
		}
	}
	return Scene{}
}

// ratio is a/b, or 0 where there is no b.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// quantile is the value that a part of them does not exceed.
func quantile[T cmp.Ordered](values []T, part float64) (q T) {
	if len(values) == 0 {
		return q
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(part*float64(len(sorted))), len(sorted)-1)]
}
