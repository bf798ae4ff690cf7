package page

import "fmt"

const mib = 1 << 20

// Goal is something that watching may cost at the most, and what it does cost.
type Goal struct {
	What, Limit, Measured string
	Met                   bool
}

// Goals holds the report against what is wanted.
func (r *Report) Goals() []Goal {
	idle, open, pods := r.scene(Idle), r.scene(Open), r.scene(Kubernetes)
	return []Goal{
		atMost("CPU on an idle node, of node_exporter's", 0.5, ratio(idle.Pulltrace.Watcher.Core(), idle.Pulltrace.Exporter.Core()), times),
		atMost("CPU while 100 layers are open, of a core", 0.003, open.Pulltrace.Watcher.Core(), percent),
		atMost("containerd's CPU while 100 layers are open, of what it needs alone", 1.15,
			ratio(open.Pulltrace.Containerd.Core(), open.Alone.Containerd.Core()), times),
		atMost("resident memory with 110 pods, of node_exporter's", 1,
			ratio(float64(pods.Pulltrace.Watcher.Resident), float64(pods.Pulltrace.Exporter.Resident)), times),
		r.memory(),
		r.calls(),
	}
}

// atMost is a goal that is met by a value that was measured, and is small enough.
func atMost(what string, limit, got float64, text func(float64) string) Goal {
	return Goal{What: what, Limit: text(limit), Measured: text(got), Met: got > 0 && got <= limit}
}

// memory is about the scene in which it was most.
func (r *Report) memory() Goal {
	var worst Scene
	for _, s := range r.Scenes {
		if s.Pulltrace.Watcher.Peak > worst.Pulltrace.Watcher.Peak {
			worst = s
		}
	}
	g := atMost("most resident memory, of all scenes", 48*mib, float64(worst.Pulltrace.Watcher.Peak), mebibytes)
	g.Measured = where(g.Measured, worst)
	return g
}

// calls is about the scene with the most, but for those in which pulls end.
func (r *Report) calls() Goal {
	var worst Scene
	for _, s := range r.Scenes {
		if !s.Ending && s.Calls.Busiest > worst.Calls.Busiest {
			worst = s
		}
	}
	g := atMost("calls on containerd in the busiest second, where no pull ends", 10, float64(worst.Calls.Busiest), whole)
	g.Measured = where(g.Measured, worst)
	return g
}

func where(measured string, s Scene) string { return fmt.Sprintf("%s (%s)", measured, s.Name) }
